"""Several datasets as one: the clips of other entries of `datasets`, with one class list.

Clip ids and subjects carry the name of their dataset (`dfew@00001`), so that they stay unique.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2s

from facewave.manifest.class_lists import canonical
from facewave.manifest.clips import Clip, ManifestError
from facewave.storage.roots import DatasetRoot

_log = logging.getLogger("facewave")
_LONGEST = 200


@dataclass(frozen=True)
class Member:
    """One of the joined datasets: its class list and its clips."""

    classes: Sequence[str]
    clips: Sequence[Clip]


def join_clips(
    members: Mapping[str, Member],
    *,
    classes: Sequence[str],
    class_map: Mapping[str, str | None] | None = None,
    keep_folds: bool = False,
) -> list[Clip]:
    """Join the clips of several datasets.

    Args:
        members: by the name of the dataset
        classes: the class list of the whole
        class_map: maps the members' classes to those of the whole; None leaves a class out. A
            class that is not mapped becomes the one that means the same (`happiness` becomes
            `happy`), or is left out if there is none.
        keep_folds: whether the members' folds and splits are kept (folds with the same number
            become one fold)

    Returns:
        the clips, member after member, with new numbers

    Raises:
        ManifestError: a member has no clip left
    """
    known = {canonical(name): index for index, name in enumerate(classes)}
    mapped = {canonical(word): name for word, name in (class_map or {}).items()}
    joined: list[Clip] = []
    problems = []
    for name, member in members.items():
        target = [_class_of(word, known, mapped) for word in member.classes]
        before = len(joined)
        left_out: Counter[str] = Counter()
        for clip in member.clips:
            label = None if clip.label is None else target[clip.label]
            if clip.actual is not None and label is None:
                left_out[clip.actual] += 1
                continue
            clip = _renamed(name, clip, keep_folds=keep_folds)
            votes = _votes(clip.label_distribution, target, len(classes))
            joined.append(
                replace(
                    clip,
                    video_idx=len(joined),
                    label=label,
                    actual=None if label is None else classes[label],
                    label_distribution=votes,
                )
            )
        for word, count in left_out.items():
            _log.info("%s: left out: %d clips of class %s", name, count, word)
        if len(joined) == before:
            words = ", ".join(member.classes)
            problems.append(f"{name}: none of its classes ({words}) is in the class list")
    if problems:
        advice = "Set `classes` or `class_map` of the joint dataset."
        raise ManifestError("joint", problems, advice=advice)
    return joined


def _class_of(word: str, known: Mapping[str, int], mapped: Mapping[str, str | None]) -> int | None:
    plain = canonical(word)
    name = mapped.get(plain, plain)
    return None if name is None else known.get(canonical(name))


def _votes(
    votes: Sequence[float] | None, target: Sequence[int | None], count: int
) -> tuple[float, ...] | None:
    if votes is None:
        return None
    moved = [0.0] * count
    for vote, index in zip(votes, target, strict=True):
        if index is not None:
            moved[index] += vote
    return tuple(moved) if any(moved) else None


def _renamed(name: str, clip: Clip, *, keep_folds: bool) -> Clip:
    def own(cell: str | None) -> str | None:
        return None if cell is None else f"{name}@{cell}"

    return replace(
        clip,
        clip_id=joint_clip_id(name, clip.clip_id),
        subject=own(clip.subject),
        take=own(clip.take),
        source=own(clip.source),
        fold=clip.fold if keep_folds else None,
        split=clip.split if keep_folds else None,
        root=clip.root and DatasetRoot(clip.root.prefix, f"{name}/{clip.root.name}"),
    )


def joint_clip_id(name: str, clip_id: str) -> str:
    """Return the id, in a joint dataset, of a clip of the dataset `name`."""
    full = f"{name}@{clip_id}"
    if len(full) <= _LONGEST:
        return full
    digest = blake2s(full.encode(), digest_size=8).hexdigest()
    return f"{full[: _LONGEST - 17]}-{digest}"
