"""Read the answers that the ablation's jobs wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facewave.ablation import Answers
from facewave.predictions import read_predictions


def read_answers(files: Sequence[str | Path]) -> Answers:
    """Read the answers of a variant in one fold, from a predictions file a seed.

    Raises:
        ValueError: a file is no predictions file, or holds other clips than the first.
    """
    read = [read_predictions(file).of_part("test") for file in files]
    for file, part in zip(files, read, strict=True):
        if part.clip_ids != read[0].clip_ids:
            raise ValueError(f"{file}: other clips than in {files[0]}: train the variant again")
    return Answers(
        labels=read[0].labels,
        predicted=np.stack([part.predicted for part in read]),
        probabilities=np.stack([part.probabilities for part in read]),
    )


def read_all_answers(
    predictions: Mapping[str, Sequence[Sequence[str | Path]]],
) -> dict[str, list[Answers]]:
    """Read the answers of all variants: by variant, a list a fold of a file a seed."""
    return {name: [read_answers(files) for files in folds] for name, folds in predictions.items()}
