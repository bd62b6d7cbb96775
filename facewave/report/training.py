"""The training of the MLP: its curves, and in words how it was trained.

The words are made from what each model's checkpoint says of its training, which stands in its
predictions too (`facewave.mlp.model.training_record`), not from the configuration of the report.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import read_metadata

CURVES = ("train_loss", "val_loss", "train_uar", "val_uar", "val_war")


@dataclass(frozen=True, kw_only=True)
class TrainingRun:
    """The training of one fold.

    Attributes:
        curves: name of a column (`CURVES`) to its value after each epoch.
        record: what the checkpoint says of the training.
    """

    fold: str
    curves: dict[str, list[float]]
    record: Mapping[str, Any]

    @property
    def kept(self) -> int:
        """Position of the epoch whose weights were kept; the epochs count from 1."""
        return int(self.record["epochs"]) - 1

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
        probabilities: which classes' frequencies the answers are for, and how they were calibrated.
    """

    loss: str
    networks: str
    curves: str
    validation: str
    probabilities: str


def read_training(paths: Mapping[str, Path], answers: Mapping[str, Path]) -> list[TrainingRun]:
    """Read the training of every fold.

    Args:
        paths: fold to its `metrics.csv`.
        answers: fold to the predictions of its model.

    Raises:
        ValueError: if a file has no epoch, lacks a column, or does not say how the model was made.
    """
    return [_read_run(fold, path, answers[fold]) for fold, path in paths.items()]


def _read_run(fold: str, path: Path, answers: Path) -> TrainingRun:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not set(CURVES) <= set(rows[0]):
        raise ValueError(f"{path}: no epoch, or not the columns of a training: train again")
    record = read_metadata(answers).get("training")
    if not record or not 1 <= record["epochs"] <= len(rows):
        raise ValueError(
            f"{answers}: does not say how its model was trained, or of another training than "
            f"{path}: train again"
        )
    curves = {name: [float(row[name]) for row in rows] for name in CURVES}
    return TrainingRun(fold=fold, curves=curves, record=record)


def training_words(records: Sequence[Mapping[str, Any]]) -> TrainingWords:
    """Return how the models of all folds were trained.

    Args:
        records: what their checkpoints say, at least one; all have the same options but for the
            number of directions.
    """
    mlp = records[0]["options"]
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
        networks=_directions(records)
        + _networks(mlp, fusion, _range([record["epochs"] for record in records])),
        curves=_curves(mlp, fusion),
        validation=_validation(fusion),
        probabilities=_probabilities(mlp, fusion, [record["temperature"] for record in records]),
    )


def _directions(records: Sequence[Mapping[str, Any]]) -> str:
    widths = [r["options"]["fusion"]["projection"] for r in records if r["options"]["fusion"]]
    if not widths:
        return ""
    return f"Each feature group is reduced to at most {_range(widths)} principal directions. "


def _range(values: Sequence[float], form: str = "g") -> str:
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if low == high else f"{low} to {high}"


def _probabilities(
    mlp: Mapping[str, Any], fusion: Mapping[str, Any] | None, temperatures: Sequence[float]
) -> str:
    if mlp["class_weights"] == "none":
        text = "The probabilities are for classes as frequent as in training."
    else:
        text = "The probabilities are for classes that are equally frequent."
    if fusion and fusion["calibrate"]:
        return text + (
            " They are calibrated: the logits are divided by a temperature of "
            f"{_range(temperatures, '.2f')}, fitted on the validation part."
        )
    return text + " They are not calibrated."


def _networks(mlp: Mapping[str, Any], fusion: Mapping[str, Any] | None, epochs: str) -> str:
    several = fusion is not None and fusion["ensemble"] > 1
    text = ""
    if fusion and several:
        text = (
            f"{fusion['ensemble']} networks with different initial weights are trained, and their "
            "answers are averaged. "
        )
    if fusion and fusion["keep"] == "last":
        text += f"The weights after the last epoch are kept (epoch {epochs})."
    else:
        text += (
            f"Training stops after {mlp['patience']} epochs without a better validation UAR; the "
            "weights of the epoch with the highest one are kept (ties: the lower validation loss): "
            f"epoch {epochs}."
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
