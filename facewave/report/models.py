"""Other models than the MLP, scored on the same test clips."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.report.collect import read_scores


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """Scores of a model; fractions from 0 to 1.

    Attributes:
        title: its name.
        n: test clips.
        uar, war, macro_f1: over all test clips.
        uar_interval, war_interval: 95 % bootstrap limits, over subjects where they are known.
        invalid_rate: share of the answers that name no class; None where a model cannot say such.
    """

    title: str
    n: int
    uar: float
    war: float
    macro_f1: float
    uar_interval: Sequence[float]
    war_interval: Sequence[float]
    invalid_rate: float | None


def read_models(mlp: Mapping[str, Any], models: Mapping[str, Path]) -> list[ModelRow]:
    """Return the MLP's row and one a model; nothing where there is no other model.

    Args:
        mlp: scores of the MLP, see `facewave.evaluation.evaluate.evaluate_folds`.
        models: title to a file of such scores.

    Raises:
        ValueError: a model was tested on another number of clips than the MLP.
    """
    others = {title: read_scores(path) for title, path in models.items()}
    found: dict[str, Mapping[str, Any]] = {
        title: scores for title, scores in others.items() if "overall" in scores
    }
    if not found:
        return []
    found = {"MLP": mlp, **found}
    rows = [_row(title, scores) for title, scores in found.items()]
    for row in rows:
        if row.n != rows[0].n:
            raise ValueError(
                f"{row.title} was tested on {row.n} clips, the MLP on {rows[0].n}: run again, so "
                "that both are of the same splits"
            )
    return rows


def read_numbers(models: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Return a row a target and model of those that predict numbers, and one of the training mean.

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


def _row(title: str, scores: Mapping[str, Any]) -> ModelRow:
    interval = scores["bootstrap"]["subjects"] or scores["bootstrap"]["clips"]
    overall = scores["overall"]
    return ModelRow(
        title=title,
        n=overall["n"],
        uar=overall["uar"],
        war=overall["war"],
        macro_f1=overall["macro_f1"],
        uar_interval=interval["uar"],
        war_interval=interval["war"],
        invalid_rate=scores.get("invalid_rate"),
    )


def read_rows(ablation: Path | None) -> list[dict[str, Any]]:
    """Return the rows of an ablation, best first (see `facewave.ablation.compare.Row`); none of None."""
    if ablation is None:
        return []
    rows: list[dict[str, Any]] = json.loads(ablation.read_text(encoding="utf-8"))["rows"]
    return rows
