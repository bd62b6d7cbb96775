"""What scores with a person's baseline rest on: how many clips of each test person, and how good.

Such scores are of another task than those that use nothing of the test person. Everything that
shows them shows `text` beside them.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.evaluation.evaluate import Fold
from facewave.evaluation.predictions import Predictions
from facewave.evaluation.units import Origin
from facewave.splits.baseline import REFERENCES, RULE, calibration_text
from facewave.splits.read import METADATA_KEY
from facewave.storage.parquet import parquet_schema

# Below this many clips a reference is worth little (docs/representation.md).
FEW_CLIPS = 8
# A person's clips that vary this much less than usual may all show the same expression.
LEAST_SPREAD = 0.55
# So may those of a person for whom nearly all answers are the same.
_MOST_OF_ONE_ANSWER = 0.8
_FEWEST_ANSWERS = 5


def calibration(
    folds: Sequence[Fold[Any]],
    test_splits: Sequence[str | Path],
    *,
    origins: Mapping[str, Origin],
) -> dict[str, Any] | None:
    """Return what a model's scores are calibrated on, as plain values; None if they are not.

    Args:
        folds: as read; the predictions say whether the model read features with a baseline.
        test_splits: test part of each fold, in the same order.
        origins: of the test clips, see `facewave.evaluation.units.read_origins`.

    Returns:
        `text` (to stand beside every score), `rule`, `persons` (their number), `clips` (fewest and
        most of a reference) and `warnings`, one line per reason and its people.
    """
    rule = folds[0].test.metadata.get(RULE)
    if not rule:
        return None
    references: dict[str, Mapping[str, Any]] = {}
    for path in test_splits:
        references |= _metadata(Path(path)).get(REFERENCES, {})
    counts = [int(found["clips"]) for found in references.values()]
    clips = (min(counts), max(counts)) if counts else (0, 0)
    return {
        "text": calibration_text(rule, clips),
        "rule": rule,
        "persons": len(references),
        "clips": list(clips),
        "warnings": list(_warnings(references, _answers(folds, origins))),
    }


def _metadata(path: Path) -> dict[str, Any]:
    metadata: dict[str, Any] = json.loads(parquet_schema(path).metadata[METADATA_KEY])
    return metadata


def _answers(folds: Sequence[Fold[Any]], origins: Mapping[str, Origin]) -> dict[str, Counter[int]]:
    """Count the answers for the valid test clips of each known subject."""
    found: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for fold in folds:
        test = fold.test
        if not isinstance(test, Predictions):
            continue
        for clip_id, answer, valid in zip(
            test.clip_ids, test.predicted.tolist(), test.valid.tolist(), strict=True
        ):
            subject = origins[clip_id].subject if clip_id in origins else None
            if subject is not None and valid:
                found[subject][answer] += 1
    return found


def _warnings(
    references: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Counter[int]]
) -> Iterator[str]:
    reasons = {
        f"fewer than {FEW_CLIPS} clips in the reference": [
            name for name, found in references.items() if found["clips"] < FEW_CLIPS
        ],
        "a reference whose clips hardly differ, perhaps of one expression": [
            name for name, found in references.items() if found["spread"] < LEAST_SPREAD
        ],
        "nearly the same answer for all clips": [
            name
            for name, counts in answers.items()
            if counts.total() >= _FEWEST_ANSWERS
            and max(counts.values()) >= _MOST_OF_ONE_ANSWER * counts.total()
        ],
    }
    for reason, names in reasons.items():
        if names:
            shown = ", ".join(sorted(names)[:10]) + (", …" if len(names) > 10 else "")
            people = "1 person" if len(names) == 1 else f"{len(names):,} persons"
            yield f"{people} with {reason}: {shown}"
