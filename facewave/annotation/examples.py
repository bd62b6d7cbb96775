"""Which described clips a model sees as examples before it describes others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from hashlib import blake2b
from re import Pattern

from facewave.annotation.checks import is_in
from facewave.manifest.class_lists import canonical
from facewave.manifest.clips import Clip

_NEUTRAL = canonical("neutral")


class ExamplesError(ValueError):
    """Examples cannot be chosen; the message says what to do."""


def choose_examples(
    clips: Sequence[Clip],
    *,
    classes: Sequence[str],
    per_class: int,
    neutral: int,
    held_out_folds: Sequence[str] | None,
    excluded: Collection[str],
    usable: Collection[str],
    banned: Pattern[str] | None,
    seed: int,
    language: str = "en",
) -> list[Clip]:
    """Return described clips: equally many per class, and more neutral ones, in seeded order.

    Never chosen are clips without a text, of a test or validation part (column `split`), of a
    held-out fold, near-duplicates, clips that were not tracked, those whose text is in another
    language, and, with `banned`, those whose text contains a banned word, which the model would
    learn to use.

    Args:
        clips: of the dataset with texts.
        classes: names to balance over; letter case and the field's synonyms do not matter.
        per_class: clips of each class.
        neutral: further clips of the class neutral.
        held_out_folds: official folds that models are tested on; None: not given.
        excluded: clip ids that look like clips of the target.
        usable: clip ids with frames to show.
        banned: finds banned words; None: texts are taken as they are.
        seed: of the choice and of the order.
        language: see `facewave.annotation.checks.LANGUAGES`.

    Raises:
        ExamplesError: naming every class that lacks clips, and why clips were skipped; or the
            dataset has folds, and `held_out_folds` does not say which are held out.
    """
    folds = sorted({clip.fold for clip in clips if clip.fold is not None})
    if folds and not held_out_folds:
        raise ExamplesError(
            f"annotate.held_out_folds: the examples' dataset has the folds {', '.join(folds)}, and "
            "examples must not come from folds that a model is tested on: name those, such as "
            f"[{folds[0]!r}]"
        )
    if unknown := sorted(set(map(str, held_out_folds or ())) - set(folds)):
        raise ExamplesError(
            f"annotate.held_out_folds: found {unknown[0]!r}, expected folds of the examples' "
            f"dataset ({', '.join(folds) or 'it has none: give null'})"
        )
    passed: Counter[str] = Counter()
    by_class: dict[str, list[Clip]] = {}
    held = set(map(str, held_out_folds or ()))
    for clip in clips:
        reason = _reason(clip, held, excluded, usable, banned, language)
        if reason:
            passed[reason] += 1
        else:
            by_class.setdefault(canonical(clip.actual or ""), []).append(clip)
    wanted = {canonical(name): per_class for name in classes}
    if neutral:
        wanted[_NEUTRAL] = wanted.get(_NEUTRAL, 0) + neutral
    short = {
        name: len(by_class.get(name, []))
        for name, n in wanted.items()
        if n > len(by_class.get(name, []))
    }
    if short:
        lacking = ", ".join(f"{name} ({n} of {wanted[name]})" for name, n in sorted(short.items()))
        why = ", ".join(f"{n} {reason}" for reason, n in passed.most_common()) or "none"
        raise ExamplesError(
            f"annotate: too few examples of {lacking}; skipped clips: {why}. Lower "
            "annotate.per_class or annotate.neutral, hold out fewer folds, or set "
            "annotate.clean_examples: false"
        )
    chosen = [
        clip
        for name, count in wanted.items()
        for clip in sorted(by_class.get(name, []), key=lambda clip: _rank(seed, clip))[:count]
    ]
    return sorted(chosen, key=lambda clip: _rank(seed + 1, clip))


def near_duplicates_of(
    rows: Sequence[dict[str, str]], *, target: str, examples: str
) -> dict[str, str]:
    """Return the example clips that look like a clip of the target, each with that clip.

    Args:
        rows: of `near_duplicates.tsv`.
        target, examples: names of the datasets.
    """
    found = {}
    for row in rows:
        pair = {row["dataset_a"]: row["clip_a"], row["dataset_b"]: row["clip_b"]}
        if pair.keys() == {target, examples}:
            found[pair[examples]] = pair[target]
    return found


def _reason(
    clip: Clip,
    held: set[str],
    excluded: Collection[str],
    usable: Collection[str],
    banned: Pattern[str] | None,
    language: str,
) -> str | None:
    if not (clip.text or "").strip():
        return "without a text"
    if clip.split not in (None, "train"):
        return f"of the {clip.split} part"
    if clip.fold in held:
        return "of a held-out fold"
    if clip.clip_id in excluded:
        return "like a clip of the target"
    if clip.clip_id not in usable:
        return "without frames"
    if not is_in(clip.text or "", language):
        return "in another language"
    if banned is not None and banned.search(clip.text or ""):
        return "with a banned word"
    return None


def _rank(seed: int, clip: Clip) -> bytes:
    return blake2b(f"{seed} {clip.clip_id}".encode(), digest_size=16).digest()
