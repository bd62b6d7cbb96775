"""The matrix of all pairs of a dataset that is trained on and one that is tested."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.calibration import calibration
from facewave.evaluation.evaluate import evaluate_folds, read_folds
from facewave.evaluation.units import read_origins
from facewave.report.templating import environment
from facewave.splits.partition import PARTS
from facewave.splits.read import METADATA_KEY
from facewave.storage.atomic import write_text
from facewave.storage.parquet import open_parquet, parquet_schema


@dataclass(frozen=True, kw_only=True)
class PairRow:
    """Scores of a model on another dataset than it was trained on; fractions from 0 to 1.

    Attributes:
        train, test: names of the datasets.
        classes: those that both have, separated by spaces.
        clips_train, clips_val, clips_test: number of clips in each part.
        left_out: what is in no part, and why, with numbers of clips.
        uar, war: of the test part, means over the seeds.
        uar_std: standard deviation of the UAR over the seeds; None for one seed.
        uar_low, uar_high: 95 % interval of the UAR, over subjects where they are known.
        majority_uar, majority_war: of the most frequent class of the training part.
        invalid: test clips without features.
        calibration: the test persons' clips that the scores rest on; empty: none.
    """

    train: str
    test: str
    classes: str
    clips_train: int
    clips_val: int
    clips_test: int
    left_out: str
    uar: float
    uar_std: float | None
    uar_low: float
    uar_high: float
    war: float
    majority_uar: float
    majority_war: float
    invalid: int
    calibration: str


def read_pair(
    train: str,
    test: str,
    predictions: Sequence[Path],
    splits: Mapping[str, Path],
    *,
    seed: int,
) -> PairRow:
    """Score one pair.

    Args:
        train, test: names of the datasets.
        predictions: of the model that was trained on one and tested on the other, one per seed.
        splits: part to its file.
        seed: of the intervals.
    """
    folds = read_folds(predictions, [splits["train"]], names=[train])
    origins = read_origins([splits["test"]])
    scores = evaluate_folds(folds, origins=origins, seed=seed)
    low, high = scores["bootstrap"]["uar"]
    counts = {f"clips_{part}": _rows(splits[part]) for part in PARTS}
    calibrated = calibration(folds, [splits["test"]], origins=origins)
    return PairRow(
        train=train,
        test=test,
        classes=" ".join(scores["classes"]),
        left_out=_left_out(splits["test"]),
        uar=scores["overall"]["uar"],
        uar_std=(scores["seeds"]["std"] or {}).get("uar"),
        uar_low=low,
        uar_high=high,
        war=scores["overall"]["war"],
        majority_uar=scores["majority_class"]["uar"],
        majority_war=scores["majority_class"]["war"],
        invalid=scores["n_invalid"],
        calibration=calibrated["text"] if calibrated else "",
        **counts,
    )


def _rows(split: Path) -> int:
    with open_parquet(split) as file:
        return int(file.metadata.num_rows)


def _left_out(split: Path) -> str:
    content: dict[str, Any] = json.loads(parquet_schema(split).metadata[METADATA_KEY])
    reasons = content["cross_dataset"]["left_out"]
    return "; ".join(
        f"{dataset}: {count} ({reason})"
        for dataset, counts in reasons.items()
        for reason, count in counts.items()
    )


def write_page(path: Path, rows: Sequence[PairRow]) -> None:
    """Write the matrix, and below it a row for each pair, as a page of its own."""
    names = list(dict.fromkeys(name for row in rows for name in (row.train, row.test)))
    content = {
        "names": names,
        "cells": {(row.train, row.test): row for row in rows},
        "rows": rows,
        "calibration": next((row.calibration for row in rows if row.calibration), ""),
    }
    write_text(path, environment().get_template("cross_datasets.html").render(content))
