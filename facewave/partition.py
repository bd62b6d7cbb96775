"""Which clips train, validate and test: stratified by class, no subject on two sides."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PARTS = ("train", "val", "test")
LEAVE_ONE_SUBJECT_OUT = "leave_one_subject_out"
MANIFEST = "manifest"
# Shares of train, val and test; None: taken out of the training part by `val_fraction`.
SHARES: dict[str, tuple[float, float | None, float]] = {
    "80-10-10": (0.8, 0.1, 0.1),
    "80-20": (0.8, None, 0.2),
}
PROTOCOLS = (*SHARES, MANIFEST, LEAVE_ONE_SUBJECT_OUT)


class SplitError(ValueError):
    """The clips cannot be split as the protocol asks."""


@dataclass(frozen=True, slots=True)
class SplitClip:
    """What a split needs to know of a clip."""

    clip_id: str
    label: int
    subject: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class SplitOptions:
    """How clips are split (config section `split`, and the seed).

    Attributes:
        protocol: one of `PROTOCOLS`.
        val_fraction: share of the training part that validates where the protocol has none.
        group_by_subject: whether all clips of a subject stay in one part.
        seed: decides which clips go where.
    """

    protocol: str = "80-10-10"
    val_fraction: float = 0.125
    group_by_subject: bool = True
    seed: int = 0


def fold_names(protocol: str, subjects: Sequence[str]) -> list[str]:
    """Return the folds of a protocol: one a subject, or none for a protocol with a single split.

    A fold is a folder's name: what is not safe in one is written as `%` and its hex code.
    """
    if protocol != LEAVE_ONE_SUBJECT_OUT:
        return []
    return [_fold_name(subject) for subject in sorted(subjects)]


def _fold_name(subject: str) -> str:
    return "fold-" + re.sub(r"[^\w.+=@-]", lambda found: f"%{ord(found[0]):02X}", subject)


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
            needs, or (with `group_by_subject`) a subject on two sides of the manifest's split.
    """
    if options.protocol in SHARES:
        parts = _by_shares(clips, options)
    elif options.protocol == MANIFEST:
        parts = _by_manifest(clips, options)
    elif options.protocol == LEAVE_ONE_SUBJECT_OUT:
        parts = _by_subject(clips, fold, options)
    else:
        raise SplitError(
            f"split.protocol: {options.protocol!r} is not known; use one of {', '.join(PROTOCOLS)}"
        )
    if empty := [part for part in PARTS if part not in set(parts.values())]:
        raise SplitError(
            f"split.protocol {options.protocol}: no clip for {' and '.join(empty)} out of "
            f"{len(clips)}; add clips or choose another protocol"
        )
    if options.group_by_subject:
        _refuse_shared_subjects(clips, parts)
    return parts


def _by_shares(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    train, val, test = SHARES[options.protocol]
    if val is None:
        val = train * options.val_fraction
        train -= val
    return _divide(clips, {"train": train, "val": val, "test": test}, options)


def _by_manifest(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    without = [clip.clip_id for clip in clips if clip.split not in PARTS]
    if without:
        raise SplitError(
            f"split.protocol manifest: {len(without)} clips have no split ({_some(without)}); "
            "give every row train, val or test in the column `split`"
        )
    parts = {clip.clip_id: str(clip.split) for clip in clips}
    if "val" not in parts.values():
        parts |= _carve_val([clip for clip in clips if clip.split == "train"], options)
    return parts


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
    left_out = {clip.clip_id for clip in clips if _fold_name(str(clip.subject)) == fold}
    if not left_out:
        raise SplitError(f"fold {fold!r}: no clip of its subject")
    rest = [clip for clip in clips if clip.clip_id not in left_out]
    parts = dict.fromkeys(left_out, "test")
    return parts | _carve_val(rest, options)


def _carve_val(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, str]:
    shares = {"train": 1.0 - options.val_fraction, "val": options.val_fraction}
    return _divide(clips, shares, options)


def _divide(
    clips: Sequence[SplitClip], shares: Mapping[str, float], options: SplitOptions
) -> dict[str, str]:
    """Divide groups of clips so that every part has about its share of every class.

    Greedy: the largest groups first, each to the part whose class counts and size it brings
    nearest to their targets (squared distance, relative to the target). The size counts because
    classes of a few clips each would all go to the largest part.
    """
    groups = _groups(clips, options)
    if len(groups) < len(shares):
        raise SplitError(
            f"split.protocol {options.protocol}: {len(groups)} subjects or clips cannot be "
            f"divided into {', '.join(shares)}; add data, or set split.group_by_subject to false"
        )
    totals = _class_counts(clips)
    targets = {
        part: {label: share * count for label, count in totals.items()}
        for part, share in shares.items()
    }
    counts: dict[str, Counter[int | None]] = {part: Counter() for part in shares}
    chosen: dict[str, list[str]] = {part: [] for part in shares}
    for name, members in groups.items():
        labels = _class_counts(members)
        part = min(shares, key=lambda p: _cost(labels, counts[p], targets[p]))
        counts[part] += labels
        chosen[part].append(name)
    _fill_empty_parts(chosen, groups)
    return {
        clip.clip_id: part
        for part, names in chosen.items()
        for name in names
        for clip in groups[name]
    }


def _groups(clips: Sequence[SplitClip], options: SplitOptions) -> dict[str, list[SplitClip]]:
    groups: dict[str, list[SplitClip]] = defaultdict(list)
    for clip in clips:
        by_subject = options.group_by_subject and clip.subject is not None
        groups[f"subject {clip.subject}" if by_subject else f"clip {clip.clip_id}"].append(clip)

    def order(item: tuple[str, list[SplitClip]]) -> tuple[int, str]:
        text = f"{options.seed} {item[0]}"
        return -len(item[1]), hashlib.blake2b(text.encode(), digest_size=8).hexdigest()

    return dict(sorted(groups.items(), key=order))


def _class_counts(clips: Sequence[SplitClip]) -> Counter[int | None]:
    """Count the clips of each class and, under None, all of them."""
    return Counter([clip.label for clip in clips] + [None] * len(clips))


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


def _fill_empty_parts(chosen: dict[str, list[str]], groups: Mapping[str, list[SplitClip]]) -> None:
    for part, names in chosen.items():
        if not names:
            giver = max(chosen, key=lambda p: len(chosen[p]))
            smallest = min(chosen[giver], key=lambda name: len(groups[name]))
            chosen[giver].remove(smallest)
            chosen[part].append(smallest)


def _refuse_shared_subjects(clips: Sequence[SplitClip], parts: Mapping[str, str]) -> None:
    seen: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.subject is not None:
            seen[clip.subject].add(parts[clip.clip_id])
    shared = sorted(subject for subject, where in seen.items() if len(where) > 1)
    if shared:
        raise SplitError(
            f"{len(shared)} subjects have clips in more than one part ({_some(shared)}), so the "
            "test would know its speakers; mend the column `split`, or set "
            "split.group_by_subject to false if that is meant"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
