"""The report of an MLP that predicts values: its scores, its training, and what else the page has.

Dataset, quality, clips to review and wavelet code are those of the report of classes.
"""

from __future__ import annotations

import csv
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import RegressionPredictions, read_predictions
from facewave.report import figures
from facewave.report.clips import ReportClip, read_clips
from facewave.report.dataset import read_folds
from facewave.report.page import ReportSettings, shared_content
from facewave.report.provenance import provenance
from facewave.report.scores import read_numbers, read_scores
from facewave.report.templating import environment
from facewave.storage.atomic import write_text
from facewave.vlm.plan import has_toys

_log = logging.getLogger("facewave")

_CURVES = ("train_loss", "val_loss", "train_mae", "val_mae", "val_rmse", "val_pearson", "val_ccc")
_SCORE_WORDS = {
    "mae": "the lowest validation MAE",
    "rmse": "the lowest validation RMSE",
    "pearson": "the highest validation Pearson correlation",
    "ccc": "the highest validation CCC",
}


@dataclass(frozen=True, kw_only=True)
class ValueReportFiles:
    """The files that the report is made of; those not named here are as in `ReportFiles`.

    Attributes:
        training: fold to `metrics.csv`.
        answers: fold to the MLP's predictions, which say how it was trained.
        scores: `regression.json` of the MLP's test parts.
        models: title of another model that predicts values to its scores.
    """

    manifest: Path
    track_indexes: Sequence[Path]
    feature_indexes: Sequence[Path]
    store: Path
    splits: Mapping[str, Mapping[str, Path]]
    training: Mapping[str, Path]
    answers: Mapping[str, Path]
    scores: Path
    models: Mapping[str, Path]
    near_duplicates: Path | None = None


@dataclass(frozen=True, kw_only=True)
class ValueRun:
    """The training of one fold.

    Attributes:
        curves: name of a column of `metrics.csv` to its value after each epoch.
        record: what the predictions say of the training: its options and `epochs`.
    """

    fold: str
    curves: Mapping[str, list[float]]
    record: Mapping[str, Any]

    @property
    def kept(self) -> int:
        """Position of the epoch whose weights were kept; the epochs count from 1."""
        return int(self.record["epochs"]) - 1

    @property
    def epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.curves["val_loss"])


def write_value_report(files: ValueReportFiles, settings: ReportSettings, *, html: Path) -> None:
    """Write the report of an MLP that predicts values; equal input gives equal bytes.

    Args:
        files: what is read.
        settings: what is said beside it.
        html: the page, which holds everything it shows.

    Raises:
        ValueError: if the files do not belong together.
    """
    clips = read_clips(files.manifest, files.track_indexes, files.feature_indexes)
    content = value_content(files, settings, clips)
    page = environment().get_template("values_page.html").render(content)
    write_text(html, page)
    _log.info("%s: %d clips, %.1f MB", html, len(clips), len(page) / 1e6)


def value_content(
    files: ValueReportFiles, settings: ReportSettings, clips: Sequence[ReportClip]
) -> dict[str, Any]:
    """Return what the templates show, by name.

    Raises:
        ValueError: if the files do not belong together.
    """
    config = settings.config
    folds, runs = read_folds(files.splits), read_runs(files.training, files.answers)
    scores = read_scores(files.scores)
    return {
        **shared_content(files, settings, clips, folds),
        "runs": runs,
        "training": {
            "text": training_text(runs[0].record["options"]),
            "validation": validation_text(runs[0].record["options"]),
        },
        "training_figures": [
            figures.training_curves(runs, quantity="loss", label="loss"),
            figures.training_curves(runs, quantity="mae", label="MAE, standard deviations"),
        ],
        "scores": scores,
        "rows": target_rows(scores),
        "calibration": scores.get("calibration"),
        "scatter": _scatter(files.answers, [row["own"]["name"] for row in target_rows(scores)]),
        "numbers": read_numbers({"MLP": files.scores, **files.models}) if files.models else [],
        "random_weights": has_toys(config["vlm"]),
        "provenance": provenance(config, folds, commit=settings.commit),
    }


def target_rows(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return for each target the MLP's scores (`own`) and those of the training mean (`mean`)."""
    return [
        {"own": own, "mean": mean}
        for own, mean in zip(scores["targets"], scores["mean_of_training"], strict=True)
    ]


def read_runs(training: Mapping[str, Path], answers: Mapping[str, Path]) -> list[ValueRun]:
    """Read the training of every fold.

    Args:
        training: fold to its `metrics.csv`.
        answers: fold to the predictions of its model.

    Raises:
        ValueError: a file has no epoch, lacks a column, or does not say how the model was made.
    """
    runs = []
    for fold, path in training.items():
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        record = read_predictions(answers[fold]).metadata.get("training")
        if not rows or not set(_CURVES) <= set(rows[0]) or not record:
            raise ValueError(f"{path}: not the training of a regression: train again")
        curves = {name: [float(row[name]) for row in rows] for name in _CURVES}
        runs.append(ValueRun(fold=fold, curves=curves, record=record))
    return runs


def training_text(mlp: Mapping[str, Any]) -> str:
    """Return how an MLP with these options learns values."""
    targets, fusion = mlp["targets"], mlp["fusion"]
    loss = {"mse": "mean squared error", "huber": "Huber loss"}[targets["loss"]]
    text = (
        f"The loss is the {loss} of the targets, each divided by its standard deviation in the "
        "training part; a target that a clip lacks is left out of it. "
    )
    several = fusion is not None and fusion["ensemble"] > 1
    if fusion and several:
        text += (
            f"{fusion['ensemble']} networks with different initial weights are trained, and their "
            "values are averaged. "
        )
    if fusion and fusion["keep"] == "last":
        text += "The weights after the last epoch are kept."
    else:
        text += (
            f"The weights of the epoch with {_SCORE_WORDS[targets['score']]} are kept (ties: the "
            f"lower loss); training stops after {mlp['patience']} epochs without a better one."
        )
    if fusion and fusion["refit"]:
        text += (
            f" {'They are' if several else 'The network is'} then trained once more, for that "
            "number of epochs, on the training and validation parts together; this is the model "
            "that is tested."
        )
    return text


def validation_text(mlp: Mapping[str, Any]) -> str:
    """Return what the validation part is used for."""
    fusion = mlp["fusion"]
    chooses = fusion is None or fusion["keep"] == "best"
    uses = "decides which epoch is kept" if chooses else "shows the progress of training"
    if fusion and fusion["refit"]:
        uses += " and is trained on at the end"
    return f"The validation part {uses}; the test part is used for the scores only."


def _scatter(answers: Mapping[str, Path], names: Sequence[str]) -> list[figures.Picture]:
    tests = [read_predictions(path).of_part("test") for path in answers.values()]
    values = [test for test in tests if isinstance(test, RegressionPredictions)]
    return [figures.scatter(values, target=name) for name in names]
