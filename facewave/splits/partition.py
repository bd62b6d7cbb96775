"""Which clips train, validate and test: stratified by class, with nothing shared between parts."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from facewave.natural_order import natural_key
from facewave.splits.leaks import KINDS, SplitClip, find_leaks, tied_groups

PARTS = ("train", "val", "test")
LEAVE_ONE_SUBJECT_OUT = "leave_one_subject_out"
MANIFEST = "manifest"
OFFICIAL = "official"
GROUPED_K_FOLD = "grouped_k_fold"
CROSS_DATASET = "cross_dataset"
# Separates the names of the datasets that are trained on, which it cannot be part of.
PLUS = "+"
_UNSAFE = re.compile(r"[^\w.+=@-]")

# Fractions of train, val and test; None: taken out of the training part by `val_fraction`.
FRACTIONS: dict[str, tuple[float, float | None, float]] = {
    "80-10-10": (0.8, 0.1, 0.1),
    "80-20": (0.8, None, 0.2),
}

# `cross_dataset` divides clips of several datasets (`facewave.splits.cross_dataset`).
PROTOCOLS = (*FRACTIONS, OFFICIAL, GROUPED_K_FOLD, LEAVE_ONE_SUBJECT_OUT, MANIFEST)


class SplitError(ValueError):
    """The clips cannot be split as the protocol requires."""


@dataclass(frozen=True)
class SplitOptions:
    """How clips are split (config section `split`, and the seed).

    Attributes:
        protocol: one of `PROTOCOLS`.
        val_fraction: fraction of the training part that is set aside for validation where the
            protocol has no validation part.
        folds: number of folds of `grouped_k_fold`.
        allow_leaks: which of `facewave.splits.leaks.KINDS` two parts may share.
        seed: decides which clips go where.
    """

    protocol: str = "80-10-10"
    val_fraction: float = 0.125
    folds: int = 5
    allow_leaks: Sequence[str] = ()
    seed: int = 0

    @property
    def kept_together(self) -> tuple[str, ...]:
        """Kinds of ties that keep clips in one part."""
        return tuple(kind for kind in KINDS if kind not in self.allow_leaks)


def fold_names(
    protocol: str, subjects: Sequence[str], *, official: Sequence[str] = (), folds: int = 5
) -> list[str]:
    """Return the names of a protocol's folds: none for a protocol with a single split.

    They name folders: a character that is not safe there is written as `%` and the hex code of each
    of its bytes in UTF-8. Names of which a disk may not tell the folders apart (`S1` and `s1`) get
    `~` and a digest.

    Args:
        protocol: one of `PROTOCOLS`.
        subjects: those of the dataset; `leave_one_subject_out` has one fold for each.
        official: the dataset's own folds; without them `official` is a single split.
        folds: number of folds of `grouped_k_fold`.
    """
    if protocol == LEAVE_ONE_SUBJECT_OUT:
        return _fold_folders(sorted(subjects))
    if protocol == OFFICIAL:
        return _fold_folders(sorted(official, key=natural_key))
    if protocol == GROUPED_K_FOLD:
        return _numbered_folds(folds)
    return []


def _numbered_folds(folds: int) -> list[str]:
    return [f"fold-{number}" for number in range(1, folds + 1)]


def _fold_folders(names: Iterable[str]) -> list[str]:
    """Return the folder of each name; no two are alike on any disk."""
    pairs = [_folders_of(name) for name in names]
    alike = Counter(_as_a_disk_may(plain) for plain, _ in pairs)
    return [plain if alike[_as_a_disk_may(plain)] == 1 else distinct for plain, distinct in pairs]


def _folders_of(name: str) -> tuple[str, str]:
    """Return the two folders that a fold can have: where none is alike, and where one is.

    Which one it is depends on all names of the dataset, and not all of them have valid clips.
    """
    plain = "fold-" + _UNSAFE.sub(_hex, unicodedata.normalize("NFC", name))
    return plain, f"{plain}~{_digest(name)}"


def _hex(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))


def _as_a_disk_may(name: str) -> str:
    """Return what a disk may compare that tells apart neither letter case nor forms of Unicode."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())


def _digest(name: str) -> str:
    return hashlib.blake2s(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()


def assign_parts(
    clips: Sequence[SplitClip], *, fold: str | None, options: SplitOptions
) -> dict[str, str]:
    """Return the part (`train`, `val`, `test`) of each clip id.

    Args:
        clips: all clips of the dataset; their order does not matter.
        fold: one of `fold_names`, or None for a protocol without folds.
        options: see `SplitOptions`.

    Raises:
        SplitError: too few clips or subjects, a clip without the column that the protocol
            needs, or something that two parts share (see `facewave.splits.leaks`).
    """
    if options.protocol in FRACTIONS:
        parts = _by_fractions(clips, options)
    elif options.protocol == MANIFEST:
        parts = _by_manifest(clips, options)
    elif options.protocol == OFFICIAL:
        parts = _by_official(clips, fold, options)
    elif options.protocol == GROUPED_K_FOLD:
        parts = _by_groups(clips, fold, options)
    elif options.protocol == LEAVE_ONE_SUBJECT_OUT:
        parts = _by_subject(clips, fold, options)
    elif options.protocol == CROSS_DATASET:
        raise SplitError(
            f"split.protocol {CROSS_DATASET} divides the clips of several datasets: ask for "
            "train_mlp, report, explain or cross_datasets, or choose another protocol"
        )
    else:
        raise SplitError(
            f"split.protocol: {options.protocol!r} is not known; use one of {', '.join(PROTOCOLS)}"
        )
    if empty := [part for part in PARTS if part not in set(parts.values())]:
        raise SplitError(
            f"split.protocol {options.protocol}: no clip for {' and '.join(empty)} out of "
            f"{len(clips)}; add clips or choose another protocol"
        )
    _refuse_leaks(clips, parts, options)
    return parts


def _by_fractions(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    train, val, test = FRACTIONS[options.protocol]
    if val is None:
        val = train * options.val_fraction
        train -= val
    return _stratify_clips(clips, {"train": train, "val": val, "test": test}, options)


def _by_manifest(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    without = [clip.clip_id for clip in clips if clip.split not in PARTS]
    if without:
        raise SplitError(
            f"split.protocol {options.protocol}: {len(without)} clips have no split "
            f"({_some(without)}); give every row train, val or test in the column `split`"
        )
    parts = {clip.clip_id: str(clip.split) for clip in clips}
    if "val" not in parts.values():
        parts |= carve_validation([clip for clip in clips if clip.split == "train"], options)
    return parts


def _by_official(
    clips: Sequence[SplitClip], fold: str | None, options: SplitOptions
) -> dict[str, str]:
    without = [clip.clip_id for clip in clips if clip.fold is None]
    if len(without) == len(clips):
        return _by_manifest(clips, options)
    if without:
        raise SplitError(
            f"split.protocol {OFFICIAL}: {len(without)} clips have no fold ({_some(without)}); "
            "copy all of the dataset's lists or choose another protocol"
        )
    tested = {clip.clip_id for clip in clips if fold in _folders_of(str(clip.fold))}
    return _tested(clips, tested, fold, options)


def _by_groups(
    clips: Sequence[SplitClip], fold: str | None, options: SplitOptions
) -> dict[str, str]:
    names = _numbered_folds(options.folds)
    # What one fold leaves over is divided once more, into training and validation part.
    least = 2 if options.folds == 2 else 1
    folds = _stratify_clips(clips, dict.fromkeys(names, 1.0 / options.folds), options, least=least)
    return _tested(clips, {name for name in folds if folds[name] == fold}, fold, options)


def _tested(
    clips: Sequence[SplitClip], tested: set[str], fold: str | None, options: SplitOptions
) -> dict[str, str]:
    """Give the test part to these clips and take the validation part out of the rest."""
    if not tested:
        raise SplitError(f"fold {fold!r}: it has no test clip")
    rest = [clip for clip in clips if clip.clip_id not in tested]
    if not rest:
        raise SplitError(
            f"fold {fold!r}: all {len(clips)} clips are test clips, none is left to train on; "
            "copy the whole dataset or choose another protocol"
        )
    return dict.fromkeys(tested, "test") | carve_validation(rest, options)


def _by_subject(
    clips: Sequence[SplitClip], fold: str | None, options: SplitOptions
) -> dict[str, str]:
    without = [clip.clip_id for clip in clips if clip.subject is None]
    if without:
        raise SplitError(
            f"split.protocol {LEAVE_ONE_SUBJECT_OUT}: {len(without)} clips have no subject "
            f"({_some(without)}); fill the column `subject` or choose another protocol"
        )
    subjects = {clip.subject for clip in clips}
    if len(subjects) < 3:
        raise SplitError(
            f"split.protocol {LEAVE_ONE_SUBJECT_OUT}: {len(subjects)} subjects, at least 3 are "
            "needed (one to test, one to validate, one to train); choose another protocol"
        )
    left_out = {clip.clip_id for clip in clips if fold in _folders_of(str(clip.subject))}
    return _tested(clips, left_out, fold, options)


def carve_validation(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    """Return the part of each clip id, `train` or `val`, stratified by class.

    Raises:
        SplitError: too few clips, or too much that ties them together.
    """
    fractions = {"train": 1.0 - options.val_fraction, "val": options.val_fraction}
    return _stratify_clips(clips, fractions, options)


def _stratify_clips(
    clips: Sequence[SplitClip],
    fractions: Mapping[str, float],
    options: SplitOptions,
    *,
    least: int = 1,
) -> dict[str, str]:
    tied = tied_groups(clips, options.kept_together)
    groups = {_group_name(members, options): members for members in tied}

    def order(item: tuple[str, list[SplitClip]]) -> tuple[int, str]:
        text = f"{options.seed} {item[0]}"
        return -len(item[1]), hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    groups = dict(sorted(groups.items(), key=order))
    if len(groups) < least * len(fractions):
        raise SplitError(
            f"split.protocol {options.protocol}: {len(groups)} subjects or clips cannot be "
            f"divided into {', '.join(fractions)}; add data, choose another protocol, or let "
            "split.allow_leaks name what may be in two parts"
        )
    labels = {name: [clip.label for clip in members] for name, members in groups.items()}
    parts = _stratify_groups(labels, fractions, least=least)
    return {clip.clip_id: parts[name] for name, members in groups.items() for clip in members}


def _group_name(members: Sequence[SplitClip], options: SplitOptions) -> str:
    subjects = {clip.subject for clip in members}
    if "subject" in options.kept_together and len(subjects) == 1 and None not in subjects:
        return f"subject {members[0].subject}"
    return f"clip {min(clip.clip_id for clip in members)}"


def _refuse_leaks(
    clips: Sequence[SplitClip], parts: Mapping[str, str], options: SplitOptions
) -> None:
    # The authors of official folds decided about people and movies: only a clip in two parts is
    # refused.
    official = options.protocol == OFFICIAL
    kinds = [kind for kind in options.kept_together if kind == "content" or not official]
    leaks = find_leaks(clips, parts, kinds)
    if leaks:
        raise SplitError(
            f"split.protocol {options.protocol}: parts share what they must not share\n  "
            + "\n  ".join(leaks)
            + "\nCorrect the table or choose another protocol; if it is intended, name the kind in "
            "split.allow_leaks."
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def _stratify_groups(
    groups: Mapping[str, Sequence[int]], fractions: Mapping[str, float], *, least: int = 1
) -> dict[str, str]:
    """Return the part of each group.

    Greedy: each group in turn goes to the part whose class counts and size it brings nearest to
    their targets (squared distance, relative to the target). The size counts as well: without it,
    classes of a few clips each would all go to the largest part.

    Args:
        groups: name to the labels of its clips, the largest groups first; at least `least` for
            each part.
        fractions: part to its fraction of the clips; they sum to 1.
        least: fewest groups that a part may have.
    """
    totals = _class_counts([label for labels in groups.values() for label in labels])
    targets = {
        part: {label: fraction * count for label, count in totals.items()}
        for part, fraction in fractions.items()
    }
    counts: dict[str, Counter[int | None]] = {part: Counter() for part in fractions}
    chosen: dict[str, list[str]] = {part: [] for part in fractions}
    for name, members in groups.items():
        labels = _class_counts(members)
        part = min(fractions, key=lambda p: _cost(labels, counts[p], targets[p]))
        counts[part] += labels
        chosen[part].append(name)
    _fill_small_parts(chosen, groups, least)
    return {name: part for part, names in chosen.items() for name in names}


def _class_counts(labels: Sequence[int]) -> Counter[int | None]:
    """Count the clips of each class and, under None, all of them."""
    return Counter([*labels, *[None] * len(labels)])


def _cost(
    labels: Counter[int | None], have: Counter[int | None], target: Mapping[int | None, float]
) -> float:
    # The size weighs as much as all classes together. fsum is exact, so that the order in which
    # the classes come cannot decide a near tie.
    return math.fsum(
        ((have[label] + more - target[label]) ** 2 - (have[label] - target[label]) ** 2)
        / target[label]
        * (len(target) - 1 if label is None else 1)
        for label, more in labels.items()
    )


def _fill_small_parts(
    chosen: dict[str, list[str]], groups: Mapping[str, Sequence[int]], least: int
) -> None:
    for part, names in chosen.items():
        while len(names) < least:
            giver = max(chosen, key=lambda p: len(chosen[p]))
            smallest = min(chosen[giver], key=lambda name: len(groups[name]))
            chosen[giver].remove(smallest)
            chosen[part].append(smallest)
