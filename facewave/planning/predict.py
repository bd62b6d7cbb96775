"""What `predict` reads and writes: the model's files, the run's folder, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.planning.plan import PlanError
from facewave.planning.predicted import PREDICTED
from facewave.planning.project import Project, stage_options
from facewave.planning.regression import classes_only
from facewave.predict.description import (
    CARD,
    DESCRIPTION,
    OPTIONS,
    WEIGHTS,
    ModelError,
    misfits,
    read_description,
    refuse,
)

ENSEMBLE = "ensemble"
FILES = ("predictions.csv", "timeline.csv", "predict.json", "index.html")


def run_files(config: Mapping[str, Any]) -> list[Path]:
    """Return the tables of the run and its page.

    Raises:
        PlanError: there are no videos, or they are to be answered in a way that cannot be.
    """
    section = config["predict"]
    if section["videos"] is None:
        raise PlanError(
            "predict.videos: found null, expected your videos: --config "
            "'predict={videos: FOLDER, model: FOLDER}' (docs/outputs.md, Predict)"
        )
    if section["people"] == "all" and not isinstance(section["baseline"], str):
        raise PlanError(
            "predict.baseline: found clips of one person with predict.people: all, expected "
            "own_windows (each person is compared with their own), or predict.people: primary"
        )
    folder = Path(config["results"]) / PREDICTED / section["name"]
    return [folder / name for name in FILES]


def model_path(config: Mapping[str, Any], project: Project) -> Path:
    """Return the model: a bundle's folder, or a checkpoint.

    Raises:
        PlanError: it is not clear which one is meant.
    """
    named = config["predict"]["model"]
    if named != ENSEMBLE:
        return Path(named)
    if len(project.tested) != 1:
        raise PlanError(
            f"predict.model: found {ENSEMBLE} with the datasets {', '.join(project.tested)}, "
            "expected one enabled dataset, or the path of a model"
        )
    classes_only(config, "predict")
    return project.results / "models" / project.tested[0]


def model_files(config: Mapping[str, Any], project: Project) -> list[Path]:
    """Return the files of a model that this project makes itself; none of another one.

    Raises:
        PlanError: it is not clear which model is meant, or it does not fit.
    """
    path = model_path(config, project)
    if _is_bundle_of(path, project):
        return [path / DESCRIPTION, path / WEIGHTS]
    if _is_checkpoint_of(path, project):
        return [path]
    _check_foreign(path, config)
    return []


def model_state(config: Mapping[str, Any], project: Project) -> str | None:
    """Return what changes when a model does that this project does not make; else None."""
    path = model_path(config, project)
    if _is_bundle_of(path, project) or _is_checkpoint_of(path, project):
        return None
    if path.is_dir():
        return str(read_description(path)["weights_sha256"])
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}"


def prediction_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of `predict` that decide the answers for a window."""
    section = config["predict"]
    named = section["baseline"]
    enrolled = None if isinstance(named, str) else list(named["clips"])
    return {"error_rate": section["error_rate"], "enrolled": enrolled}


def described(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run's summary says of its options."""
    section = config["predict"]
    return {name: value for name, value in section.items() if name != "overlay"}


def _is_bundle_of(path: Path, project: Project) -> bool:
    return path.parent == project.results / "models" and path.name in project.enabled


def _is_checkpoint_of(path: Path, project: Project) -> bool:
    return any(
        path == checkpoint
        for name in project.tested
        if not project.plans[name].unlabelled
        for checkpoint in project.of_folds(name, "mlp/{split}/checkpoint.pt")
    )


def _check_foreign(path: Path, config: Mapping[str, Any]) -> None:
    if not path.exists():
        raise PlanError(
            f"predict.model: {path}: no such file or folder; expected `{ENSEMBLE}`, a folder that "
            "`snakemake export_model` wrote, or the checkpoint.pt of a fold"
        )
    if not path.is_dir():
        return
    options = stage_options(config)
    try:
        found = read_description(path)
        lines = misfits(found, features=options["features"], tracks=options["tracks"])
        settings = str(path / OPTIONS) if (path / OPTIONS).exists() else None
        refuse(f"predict.model: {path}", lines, options=settings)
    except ModelError as error:
        raise PlanError(str(error)) from None


def model_folders(project: Project) -> list[Path]:
    """Return the files of the models to share, one folder per tested dataset.

    Raises:
        PlanError: a dataset has no labels, or cannot be planned yet.
    """
    project.of_datasets("mlp/{split}/checkpoint.pt")
    folders = [project.results / "models" / name for name in project.tested]
    return [folder / name for folder in folders for name in (DESCRIPTION, WEIGHTS, OPTIONS, CARD)]
