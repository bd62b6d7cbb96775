"""Summarise the folds of a protocol: mean, spread, intervals, and what others published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewave.evaluation.published import published_scores
from facewave.storage.tables import write_csv

VALUE_COLUMNS = ("fold", "name", "n", "mae", "rmse", "pearson", "ccc", "mean_mae")
FOLD_COLUMNS = ("fold", "n", "uar", "war", "macro_f1", "majority_uar", "majority_war")


class NoFoldsError(ValueError):
    """The protocol has no folds to cross-validate."""


def datasets_with_folds(folds: Mapping[str, Sequence[str]], *, protocol: str) -> list[str]:
    """Return the names of the datasets, all of which must have folds.

    Args:
        folds: dataset to its folds.
        protocol: of all of them.

    Raises:
        NoFoldsError: naming the datasets that have a single split.
    """
    if single := [name for name, names in folds.items() if not names]:
        raise NoFoldsError(
            f"cross_validate: split.protocol {protocol!r} has no folds for {', '.join(single)}: it "
            "is a single split. Choose grouped_k_fold, leave_one_subject_out or, where the dataset "
            "has folds of its own, official; or ask for train_mlp, which scores a single split."
        )
    return list(folds)


def cross_validation(
    scores: Mapping[str, Any], *, dataset: str, protocol: str, adapter: str
) -> dict[str, Any]:
    """Return the summary of a cross-validation as plain values; scores are from 0 to 1.

    Args:
        scores: of `facewave.evaluation.evaluate.evaluate_folds`, from several folds.
        dataset, protocol: names, for whoever reads the file.
        adapter: of the dataset; decides which published scores belong to it.

    Returns:
        `mean` and `std` (sample standard deviation over the folds) of UAR, WAR and macro-F1,
        `calibration` (see `facewave.evaluation.calibration`; null for scores that use nothing of
        the test person), `pooled` (all folds' test clips together: scores, `confusion`,
        `per_class`), `seeds` (of these, each seed's and their standard deviation), `bootstrap`
        (intervals, and over what), `videos` (one answer per video, where clips are windows),
        `majority_class`, `folds` and `published` (reference lines).
    """
    return {
        "dataset": dataset,
        "protocol": protocol,
        "calibration": scores.get("calibration"),
        "classes": scores["classes"],
        "mean": scores["fold_mean"],
        "std": scores["fold_std"],
        "pooled": scores["overall"],
        "seeds": scores["seeds"],
        "bootstrap": scores["bootstrap"],
        "videos": scores["videos"],
        "majority_class": scores["majority_class"],
        "n_invalid": scores["n_invalid"],
        "folds": scores["folds"],
        "published": [asdict(line) for line in published_scores(adapter, scores["classes"])],
    }


def cross_validation_of_values(
    scores: Mapping[str, Any], *, dataset: str, protocol: str
) -> dict[str, Any]:
    """Return the summary of a cross-validation of predicted values, as plain values.

    Args:
        scores: of `facewave.evaluation.evaluate.evaluate_folds`, of values from several folds.
        dataset, protocol: names, for whoever reads the file.

    Returns:
        `calibration`, `pooled` (all folds' test clips together, per target, with intervals),
        `mean_of_training`, `seeds`, `n`, `n_invalid` and `folds`
    """
    return {
        "dataset": dataset,
        "protocol": protocol,
        "calibration": scores.get("calibration"),
        "pooled": scores["targets"],
        **{key: scores[key] for key in ("mean_of_training", "seeds", "n", "n_invalid", "folds")},
    }


def write_value_table(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the table of folds of predicted values as CSV: one row per fold and target.

    `mean_mae` is the mean absolute error of always predicting the training part's mean.
    """
    rows = [
        [fold["name"], *(own[name] for name in VALUE_COLUMNS[1:-1]), mean["mae"]]
        for fold in summary["folds"]
        for own, mean in zip(fold["targets"], fold["mean_of_training"], strict=True)
    ]
    write_csv(path, VALUE_COLUMNS, rows)


def describe_values(summary: Mapping[str, Any]) -> str:
    """Return the result as one line, in the targets' units."""
    words = []
    for own, mean in zip(summary["pooled"], summary["mean_of_training"], strict=True):
        low, high = own["interval"]["mae"]
        ccc = "–" if own["ccc"] is None else f"{own['ccc']:.3f}"
        words.append(
            f"{own['name']}: MAE {own['mae']:.4g} ({low:.4g} to {high:.4g}; training mean "
            f"{mean['mae']:.4g}), CCC {ccc}"
        )
    folds = f"{summary['dataset']}, {summary['protocol']}, {len(summary['folds'])} folds"
    calibrated = summary.get("calibration")
    return f"{folds}: {'; '.join(words)}" + (f" ({calibrated['text']})" if calibrated else "")


def write_fold_table(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the table of folds as CSV, atomically: one row per fold, then `mean` and `std`.

    Scores are fractions from 0 to 1; the spread is the sample standard deviation.
    """
    rows = [{"fold": row["name"], **row} for row in summary["folds"]]
    rows += [{"fold": name, **(summary[name] or {})} for name in ("mean", "std")]
    write_csv(path, FOLD_COLUMNS, [[row.get(name) for name in FOLD_COLUMNS] for row in rows])


def describe(summary: Mapping[str, Any]) -> str:
    """Return the result as one line, in percent."""
    words = []
    for name in ("uar", "war"):
        low, high = summary["bootstrap"][name]
        spread = summary["seeds"]["std"]
        words.append(
            f"{name.upper()} {100 * summary['pooled'][name]:.1f}"
            + (f" ± {100 * spread[name]:.1f} over {summary['seeds']['n']} seeds" if spread else "")
            + f" ({100 * low:.1f} to {100 * high:.1f}); "
            f"mean of folds {100 * summary['mean'][name]:.1f} ± {100 * summary['std'][name]:.1f}"
        )
    folds = f"{summary['dataset']}, {summary['protocol']}, {len(summary['folds'])} folds"
    calibrated = summary.get("calibration")
    task = f" ({calibrated['text']})" if calibrated else ""
    drawn = f"{summary['bootstrap']['n']} {summary['bootstrap']['unit']}"
    return f"{folds}, intervals over {drawn}: {'; '.join(words)}{task}"
