"""The training of the MLP: its curves, and in words how it was trained."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CURVES = ("train_loss", "val_loss", "train_uar", "val_uar", "val_war")


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """The training of one fold.

    Attributes:
        curves: name of a column (`CURVES`) to its value after each epoch.
        kept: position of the epoch whose weights were kept; the epochs count from 1.
    """

    fold: str
    curves: dict[str, list[float]]
    kept: int

    @property
    def epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.curves["val_uar"])


@dataclass(frozen=True, kw_only=True)
class TrainingWords:
    """How the MLP was trained, in sentences made from its options.

    Attributes:
        loss: what is minimised, on which targets.
        networks: which weights answer for the test part.
        curves: how the curves are measured.
        validation: what the validation part is used for.
    """

    loss: str
    networks: str
    curves: str
    validation: str


def read_training(paths: Mapping[str, Path], mlp: Mapping[str, Any]) -> list[TrainingRun]:
    """Read the training curves of every fold.

    Args:
        paths: fold to its `metrics.csv`.
        mlp: options of the MLP (section `mlp` of the configuration).

    Raises:
        ValueError: if a file has no epoch or lacks a column.
    """
    fusion = mlp["fusion"]
    last = fusion is not None and fusion["keep"] == "last"
    return [_read_run(fold, path, last=last) for fold, path in paths.items()]


def _read_run(fold: str, path: Path, *, last: bool) -> TrainingRun:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(CURVES) <= set(rows[0]):
        raise ValueError(f"{path}: no epoch, or not the columns of a training: train again")
    curves = {name: [float(row[name]) for row in rows] for name in CURVES}
    # The rule of facewave.training.EarlyStopping, whose import would bring in PyTorch. `max`
    # returns the first of equals: the earlier epoch.
    best = max(range(len(rows)), key=lambda i: (curves["val_uar"][i], -curves["val_loss"][i]))
    return TrainingRun(fold=fold, curves=curves, kept=len(rows) - 1 if last else best)


def training_words(mlp: Mapping[str, Any]) -> TrainingWords:
    """Return how an MLP with these options (section `mlp`) is trained."""
    fusion = mlp["fusion"]
    weighted = ", weighted inversely to class frequency" if mlp["class_weights"] != "none" else ""
    loss = f"The loss is the cross entropy{weighted}."
    if mlp["soft_labels"]:
        loss += " Clips with votes are trained on the fraction of votes for each class."
    if fusion and fusion["label_smoothing"]:
        smoothed = f"{100 * fusion['label_smoothing']:g} % of each training target"
        loss += f" {smoothed} is spread over all classes."
    return TrainingWords(
        loss=loss,
        networks=_networks(mlp, fusion),
        curves=_curves(mlp, fusion),
        validation=_validation(fusion),
    )


def _networks(mlp: Mapping[str, Any], fusion: Mapping[str, Any] | None) -> str:
    several = fusion is not None and fusion["ensemble"] > 1
    text = ""
    if fusion and several:
        text = (
            f"{fusion['ensemble']} networks with different initial weights are trained, and their "
            "answers are averaged. "
        )
    if fusion and fusion["keep"] == "last":
        text += "The weights after the last epoch are kept."
    else:
        text += (
            f"Training stops after {mlp['patience']} epochs without a better validation UAR; the "
            "weights of the epoch with the highest one are kept (ties: the lower validation loss)."
        )
    if fusion and fusion["refit"]:
        networks = "The networks are" if several else "The network is"
        text += (
            f" {networks} then trained once more, for that number of epochs, on the training and "
            "validation parts together; this is the model that is tested."
        )
    return text


def _curves(mlp: Mapping[str, Any], fusion: Mapping[str, Any] | None) -> str:
    added = {
        "dropout": mlp["dropout"],
        "mirrored faces": fusion and fusion["mirror"],
        "mixed clips": fusion and fusion["mixup"],
    }
    names = [name for name, used in added.items() if used]
    disturbed = f", with {_joined(names)}," if names else ""
    return (
        f"Training curves are measured during each epoch{disturbed} while the weights change; "
        "validation curves are measured after it."
    )


def _joined(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _validation(fusion: Mapping[str, Any] | None) -> str:
    uses = []
    if fusion is None or fusion["keep"] == "best":
        uses.append("decides which epoch is kept")
    if fusion and fusion["calibrate"]:
        uses.append("calibrates the probabilities")
    if not uses:
        uses.append("shows the progress of training")
    if fusion and fusion["refit"]:
        uses.append("is trained on at the end")
    return f"The validation part {_joined(uses)}; the test part is used for the scores only."
