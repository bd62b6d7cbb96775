"""What the vision-language models learned from and how: curves, clips, commits, wrong answers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.names import LINEAR, MLP
from facewave.evaluation.predictions import read_metadata
from facewave.report import figures
from facewave.report.dataset import Fold
from facewave.report.figures import Picture
from facewave.report.scores import csv_rows, read_scores

_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """The files of a model that stands beside the MLP.

    Attributes:
        scores: of its test parts.
        answers: its predictions, one file per fold.
        metrics: one row per epoch, one file per fold; none where it was not trained.
        movement: one row per trained module, see `facewave.vlm.training.parts`; as `metrics`.
        family, stage: of a model of `vlm`; empty for others.
    """

    scores: Path
    answers: Sequence[Path] = ()
    metrics: Sequence[Path] = ()
    movement: Sequence[Path] = ()
    family: str = ""
    stage: str = ""

    @classmethod
    def from_plan(cls, files: Mapping[str, Any]) -> ModelFiles:
        """Return what `facewave.planning.vlm.shown_files` says of a model."""
        return cls(
            scores=Path(files["scores"]),
            answers=[Path(path) for path in files["answers"]],
            metrics=[Path(path) for path in files["metrics"]],
            movement=[Path(path) for path in files["movement"]],
            family=files.get("family", ""),
            stage=files.get("stage", ""),
        )


@dataclass(frozen=True, kw_only=True)
class StageRun:
    """One stage on one fold.

    Attributes:
        fold: its name.
        curves: columns of `metrics.csv`.
        kept: position of the epoch whose weights were kept.
        clips: that it was trained on.
    """

    fold: str
    curves: dict[str, list[float]]
    kept: int
    clips: int

    @property
    def epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.curves["val_loss"])


@dataclass(frozen=True, kw_only=True)
class MovedModule:
    """A module that was trained, and how far its weights moved, relative to their size.

    Attributes:
        module, part: its name, and the part of `vlm.rates` that it is of.
        parameters: their number.
        least, most: the root mean square of the change by that of the weights, over the folds.
    """

    module: str
    part: str
    parameters: int
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class ShownModel:
    """What the page says of a model besides its scores.

    Attributes:
        title: its name.
        weights: name of the pretrained weights.
        commit: of these weights, or the digest of their files, shortened; empty if not known.
        software: that it was trained with.
        runs: of its folds; none where it was not trained.
        score: name of the score that chooses the epoch, `uar` or a score of values.
        curves: figures of loss and score.
        moved: the modules that were trained.
        confusion: figure of its answers about the test parts; None for values.
    """

    title: str
    weights: str
    commit: str
    software: str
    runs: Sequence[StageRun]
    score: str
    curves: Sequence[Picture]
    moved: Sequence[MovedModule]
    confusion: Picture | None

    @property
    def clips(self) -> tuple[int, int]:
        """Smallest and largest number of clips that it was trained on, over the folds."""
        counts = [run.clips for run in self.runs]
        return min(counts), max(counts)


def read_shown(models: Mapping[str, ModelFiles], folds: Sequence[str]) -> list[ShownModel]:
    """Read what the page says of the models of `vlm` and `zero_shot`.

    Args:
        models: title to files.
        folds: names of the folds, in the order of the files.
    """
    return [_read(title, files, folds) for title, files in models.items() if files.stage]


def _read(title: str, files: ModelFiles, folds: Sequence[str]) -> ShownModel:
    about = [read_metadata(path) for path in files.answers]
    first = about[0]
    identity = first.get("asker") or first
    runs = [
        StageRun(
            fold=fold,
            curves=_curves(path),
            kept=int(of_fold["best_epoch"]) - 1,
            clips=int(of_fold["clips"]),
        )
        for fold, path, of_fold in zip(folds, files.metrics, about, strict=False)
    ]
    scores = read_scores(files.scores)
    score = _chosen_by(runs)
    return ShownModel(
        title=title,
        weights=str(first.get("model", "")),
        commit=str(identity.get("commit") or identity.get("sha256") or "")[:_DIGITS],
        software=first.get("software", ""),
        runs=runs,
        score=score,
        curves=_figures(runs, score),
        moved=_moved(files.movement),
        confusion=_confusion(scores),
    )


def _moved(tables: Sequence[Path]) -> list[MovedModule]:
    found: dict[str, list[dict[str, str]]] = {}
    for row in (row for path in tables for row in csv_rows(path)):
        found.setdefault(row["module"], []).append(row)
    return [
        MovedModule(
            module=module,
            part=rows[0]["part"],
            parameters=int(rows[0]["parameters"]),
            least=min(float(row["moved"]) for row in rows),
            most=max(float(row["moved"]) for row in rows),
        )
        for module, rows in found.items()
    ]


def _curves(path: Path) -> dict[str, list[float]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "val_loss" not in rows[0]:
        raise ValueError(f"{path}: no epoch, or not the columns of a training: train again")
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "epoch"}


def _chosen_by(runs: Sequence[StageRun]) -> str:
    if not runs:
        return ""
    names = (name for name in runs[0].curves if name.startswith("val_") and name != "val_loss")
    return next(names).removeprefix("val_")


def _figures(runs: Sequence[StageRun], score: str) -> list[Picture]:
    if not runs:
        return []
    label = "UAR, %" if score == "uar" else f"{score.upper()}"
    return [
        figures.training_curves(runs, quantity="loss", label="loss"),
        figures.training_curves(runs, quantity=score, label=label),
    ]


def _confusion(scores: Mapping[str, Any]) -> Picture | None:
    if "overall" not in scores or "confusion" not in scores["overall"]:
        return None
    return figures.confusion(scores["classes"], scores["overall"]["confusion"])


def clips_learned(
    models: Mapping[str, ModelFiles], folds: Sequence[Fold], *, refit: bool
) -> dict[str, str]:
    """Return from how many clips each model of the table of scores has learned, in words.

    Zero-shot models have learned from none, a second stage from those of the first one too. A range
    is over the folds.

    Args:
        models: title to files.
        folds: of the dataset.
        refit: whether the MLP is trained on the validation part as well at the end.
    """
    parts = ("train", "val") if refit else ("train",)
    whole = [sum(fold.parts[part].clips for part in parts) for fold in folds]
    found = {MLP: _range(whole), LINEAR: _range([fold.parts["train"].clips for fold in folds])}
    counts = {title: _clips(files) for title, files in models.items()}
    firsts = {
        files.family: counts[title]
        for title, files in models.items()
        if files.stage == "adaptation"
    }
    for title, files in models.items():
        own = counts[title]
        if files.stage == "zero_shot":
            found[title] = "0"
        elif files.stage == "fusion":
            found[title] = "of both"
        elif files.stage == "fine_tuning":
            before = firsts.get(files.family) or _first_stage(files)
            found[title] = (
                _range([a + b for a, b in zip(before, own, strict=True)]) if before else ""
            )
        else:
            found[title] = _range(own)
    return found


def _clips(files: ModelFiles) -> list[int]:
    return [int(read_metadata(path).get("clips", 0)) for path in files.answers]


def _first_stage(files: ModelFiles) -> list[int]:
    """Return the clips of the first stage from its own predictions, which lie beside these."""
    paths = [
        Path(*("adaptation" if p == "fine_tuning" else p for p in path.parts))
        for path in files.answers
    ]
    if not all(path.exists() for path in paths):
        return []
    return [int(read_metadata(path).get("clips", 0)) for path in paths]


def _range(counts: Sequence[int]) -> str:
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
