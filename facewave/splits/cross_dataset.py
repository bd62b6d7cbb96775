"""Train on some datasets, test on another: a common class list, and nothing that both sides show.

The clips that are tested keep their ids; those that are trained on carry the name of their dataset
(`dfew@00001`), as in a joint dataset.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from facewave.datasets.joint import Member, join_clips, joint_clip_id
from facewave.manifest.class_lists import canonical
from facewave.manifest.clips import Clip
from facewave.splits.contents import label_of, labelled
from facewave.splits.leaks import SplitClip
from facewave.splits.partition import PLUS, SplitError, SplitOptions, carve_validation


@dataclass(frozen=True, kw_only=True)
class CrossSplit:
    """What a model is trained on and what it is tested on.

    Attributes:
        clips: those in use, tested ones first.
        parts: part of each clip id.
        classes: the classes that both sides have, in the words and the order of the tested dataset.
        left_out: dataset to reason (a class that the other side lacks, `looks like a test clip`,
            `bytes of a test clip`) to number of clips.
    """

    clips: list[Clip]
    parts: dict[str, str]
    classes: list[str]
    left_out: dict[str, dict[str, int]]


def cross_split(
    train: Mapping[str, Member],
    test: tuple[str, Member],
    *,
    class_map: Mapping[str, str | None] | None = None,
    alike: Collection[str] = (),
    contents: Mapping[str, str | None] | None = None,
    options: SplitOptions,
) -> CrossSplit:
    """Divide the clips of several datasets.

    Args:
        train: datasets to train and validate on, by name.
        test: name and clips of the dataset that is tested.
        class_map: maps class names of either side to one of the result; None leaves a class out.
            Other classes are those of the other side that mean the same (`happiness` is `happy`).
        alike: ids, with the dataset's name, of training clips that look like a test clip.
        contents: what clips with bytes in common share, by id (see `content_names`).
        options: what fraction of the training clips validates, and the seed.

    Raises:
        SplitError: fewer than two classes in common, no clip is left to train on, or a clip has no
            label.
    """
    name, tested = test
    for member in (tested, *train.values()):
        labelled(member.clips)
    classes = common_classes(tested, train.values(), class_map or {})
    if len(classes) < 2:
        words = "; ".join(
            f"{n}: {', '.join(m.classes)}" for n, m in {**train, name: tested}.items()
        )
        raise SplitError(
            f"{PLUS.join(train)} and {name} have {len(classes)} classes with clips in common "
            f"({words}); map the classes by name in split.class_map"
        )
    test_clips = _own_ids(name, tested, classes, class_map)
    joined = join_clips(train, classes=classes, class_map=class_map)
    contents = contents or {}
    shown = {contents.get(clip.clip_id) for clip in test_clips} - {None}
    reasons = {clip.clip_id: "looks like a test clip" for clip in joined if clip.clip_id in alike}
    reasons |= {
        clip.clip_id: "bytes of a test clip"
        for clip in joined
        if contents.get(clip.clip_id) in shown
    }
    kept = [clip for clip in joined if clip.clip_id not in reasons]
    parts = {clip.clip_id: "test" for clip in test_clips}
    parts |= carve_validation([_split_clip(clip, contents) for clip in kept], options)
    used = [replace(clip, video_idx=number) for number, clip in enumerate([*test_clips, *kept])]
    left_out = _left_out({**train, name: tested}, joined, test_clips, name)
    for clip_id, reason in reasons.items():
        counts = left_out[clip_id.partition("@")[0]]
        counts[reason] = counts.get(reason, 0) + 1
    return CrossSplit(clips=used, parts=parts, classes=classes, left_out=left_out)


def common_classes(
    tested: Member, trained: Iterable[Member], class_map: Mapping[str, str | None]
) -> list[str]:
    """Return the classes of which both sides have clips, in the order of the tested dataset."""
    mapped = {canonical(word): name for word, name in class_map.items()}

    def target(word: str) -> str | None:
        return mapped.get(canonical(word), word)

    known = {
        canonical(name)
        for member in trained
        for name in map(target, _present(member))
        if name is not None
    }
    names = [name for name in map(target, _present(tested)) if name is not None]
    return list({canonical(name): name for name in names if canonical(name) in known}.values())


def _present(member: Member) -> list[str]:
    labels = {clip.label for clip in member.clips}
    return [word for index, word in enumerate(member.classes) if index in labels]


def _own_ids(
    name: str, member: Member, classes: Sequence[str], class_map: Mapping[str, str | None] | None
) -> list[Clip]:
    own = {joint_clip_id(name, clip.clip_id): clip for clip in member.clips}
    joined = join_clips({name: member}, classes=classes, class_map=class_map)
    return [
        replace(
            own[clip.clip_id],
            label=clip.label,
            actual=clip.actual,
            label_distribution=clip.label_distribution,
        )
        for clip in joined
    ]


def _split_clip(clip: Clip, contents: Mapping[str, str | None]) -> SplitClip:
    return SplitClip(
        clip.clip_id,
        label_of(clip),
        subject=clip.subject,
        take=clip.take,
        source=clip.source,
        content=contents.get(clip.clip_id),
    )


def _left_out(
    members: Mapping[str, Member], joined: Sequence[Clip], test_clips: Sequence[Clip], tested: str
) -> dict[str, dict[str, int]]:
    """Count the clips of classes that the other side lacks."""
    used = {clip.clip_id for clip in joined}
    used |= {joint_clip_id(tested, clip.clip_id) for clip in test_clips}
    return {
        name: dict(
            Counter(
                f"class {clip.actual}"
                for clip in member.clips
                if joint_clip_id(name, clip.clip_id) not in used
            )
        )
        for name, member in members.items()
    }


def look_alikes(
    rows: Iterable[Mapping[str, Any]], *, train: Collection[str], test: str
) -> set[str]:
    """Return the training clips, by their ids with the dataset's name, that look like a test clip.

    Args:
        rows: pairs of clips, `PAIR_COLUMNS` of `facewave.splits.near_duplicates`.
        train, test: names of the datasets.
    """
    found = set()
    for row in rows:
        for one, other in (("a", "b"), ("b", "a")):
            if row[f"dataset_{one}"] in train and row[f"dataset_{other}"] == test:
                found.add(joint_clip_id(row[f"dataset_{one}"], row[f"clip_{one}"]))
    return found
