"""Scores of the MLP and of other models on the same test clips, and wrong answers."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.names import LINEAR
from facewave.storage.cells import rows_from

_CLASS_PAIRS = 12


def read_scores(path: Path) -> dict[str, Any]:
    """Read `metrics.json`; see `facewave.evaluation.evaluate.evaluate_folds` for what is in it."""
    scores: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return scores


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """Scores of a model; fractions from 0 to 1.

    Attributes:
        title: its name.
        n: test clips.
        uar, war, macro_f1: over all test clips.
        uar_std, war_std: standard deviation over the seeds; None for one seed.
        uar_interval, war_interval: 95 % bootstrap limits, over subjects where they are known.
        invalid_rate: fraction of the answers that name no class; None where a model cannot give
            such an answer.
        calibration: which clips of the test persons the scores rest on; None for scores that use
            nothing of them.
        test: the paired test against the MLP, see `facewave.ablation.compare.Row`; None: of the MLP
            itself.
    """

    title: str
    n: int
    uar: float
    war: float
    macro_f1: float
    uar_std: float | None
    war_std: float | None
    uar_interval: Sequence[float]
    war_interval: Sequence[float]
    invalid_rate: float | None
    calibration: str | None
    test: Mapping[str, Any] | None = None


def read_models(
    mlp: Mapping[str, Any], models: Mapping[str, Path], comparison: Path | None = None
) -> list[ModelRow]:
    """Return the MLP's row and one row per model; nothing if there is no other model.

    Args:
        mlp: scores of the MLP, see `facewave.evaluation.evaluate.evaluate_folds`.
        models: title to a file of such scores.
        comparison: the paired tests of the models against the MLP.

    Raises:
        ValueError: a model was tested on another number of clips than the MLP.
    """
    linear = {LINEAR: mlp["linear"]} if mlp.get("linear") else {}
    others = {**linear, **{title: read_scores(path) for title, path in models.items()}}
    found: dict[str, Mapping[str, Any]] = {
        title: scores for title, scores in others.items() if "overall" in scores
    }
    if not found:
        return []
    found = {"MLP": mlp, **found}
    tests = {row["variant"]: row for row in read_rows(comparison) if row["variant"] != "MLP"}
    rows = [_row(title, scores, tests.get(title)) for title, scores in found.items()]
    for row in rows:
        if row.n != rows[0].n:
            raise ValueError(
                f"{row.title} was tested on {row.n} clips, the MLP on {rows[0].n}: run again, so "
                "that both are of the same splits"
            )
    return rows


def by_task(rows: Sequence[ModelRow]) -> dict[str | None, list[ModelRow]]:
    """Return the rows by their calibration: scores of different tasks share no table."""
    tables: dict[str | None, list[ModelRow]] = {}
    for row in rows:
        tables.setdefault(row.calibration, []).append(row)
    return tables


def read_numbers(models: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return one row per target and regression model, and one of the training mean per target.

    Keys are those of `facewave.evaluation.metrics.RegressionMetrics`, and `title`.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    means: dict[str, dict[str, Any]] = {}
    for title, path in models.items():
        scores = read_scores(path)
        for own, mean in zip(
            scores.get("targets", []), scores.get("mean_of_training", []), strict=True
        ):
            rows.setdefault(own["name"], []).append({"title": title, **own})
            # The same for all models: they were trained on parts of one training part.
            means[own["name"]] = {"title": "mean of the training part", **mean}
    return [row for name, own in rows.items() for row in [*own, means[name]]]


def _row(title: str, scores: Mapping[str, Any], test: Mapping[str, Any] | None) -> ModelRow:
    interval, overall = scores["bootstrap"], scores["overall"]
    std = scores["seeds"]["std"] or {"uar": None, "war": None}
    return ModelRow(
        title=title,
        n=overall["n"],
        uar=overall["uar"],
        war=overall["war"],
        macro_f1=overall["macro_f1"],
        uar_std=std["uar"],
        war_std=std["war"],
        uar_interval=interval["uar"],
        war_interval=interval["war"],
        invalid_rate=scores.get("invalid_rate"),
        calibration=(scores.get("calibration") or {}).get("text"),
        test=test,
    )


def read_rows(comparison: Path | None) -> list[dict[str, Any]]:
    """Return a comparison's rows, best first (see `facewave.ablation.compare.Row`); [] of None."""
    if comparison is None:
        return []
    rows: list[dict[str, Any]] = json.loads(comparison.read_text(encoding="utf-8"))["rows"]
    return rows


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """Wrong answers of the test parts.

    Attributes:
        clips: rows of `facewave.evaluation.confusions.ConfusedClip` as text, the most confident
            first.
        total: number of all wrong answers.
        classes: rows of `facewave.evaluation.confusions.ConfusedClasses` as text.
    """

    clips: list[dict[str, str]]
    total: int
    classes: list[dict[str, str]]


def read_confusions(clips: Path, classes: Path, *, shown: int) -> Confusions:
    """Read the tables of wrong answers.

    Args:
        clips, classes: the tables.
        shown: number of clips to list.
    """
    found = csv_rows(clips)
    return Confusions(
        clips=found[:shown], total=len(found), classes=csv_rows(classes)[:_CLASS_PAIRS]
    )


def csv_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as text by column."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(rows_from(csv.DictReader(file)))
