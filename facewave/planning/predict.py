"""What `predict` reads and writes: the model's files, the run's folder, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.planning.plan import PlanError
from facewave.planning.predicted import PREDICTED
from facewave.planning.project import Project, stage_options
from facewave.planning.regression import classes_only
from facewave.planning.vlm import Section, gpus
from facewave.planning.weights import weights_name
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
from facewave.predict.vlm_description import read_vlm_description, vlm_file
from facewave.vlm.plan import ADAPTER_FILES, FAMILIES, STAGES, TOYS, TRAINED, vlm_section

ENSEMBLE = "ensemble"
# Of a trained model's folder: what `export_paligemma` and `export_qwen` write.
SHARED = "peft"
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
    if config["predict"]["people"] == "all" and (_vlm_of(path, project) or vlm_file(path)):
        raise PlanError(
            f"predict.people: found all with the vision-language model {path}, expected primary: "
            "it is shown the person whom a window follows"
        )
    if vlm := _vlm_of(path, project):
        _check_head(path, vlm_section(config, vlm.removesuffix("_tiny")))
        names = ADAPTER_FILES if path.name == SHARED else (TRAINED,)
        return [path / name for name in names]
    _check_foreign(path, config)
    return []


def model_state(config: Mapping[str, Any], project: Project) -> str | None:
    """Return what changes when a model does that this project does not make; else None."""
    path = model_path(config, project)
    made = _is_bundle_of(path, project) or _is_checkpoint_of(path, project)
    if made or _vlm_of(path, project):
        return None
    path = vlm_file(path) or path
    if path.is_dir():
        return str(read_description(path)["weights_sha256"])
    return f"{path.stat().st_size} {path.stat().st_mtime_ns}"


def asked_vlm(
    config: Mapping[str, Any], project: Project, sections: Mapping[str, Section]
) -> dict[str, Any] | None:
    """Return what the job of a vision-language model needs; None for another kind of model.

    Args:
        config: the checked configuration.
        project: the enabled datasets.
        sections: of `facewave.planning.vlm.vlm_sections`.

    Returns:
        `model` and `revision` of the pretrained weights, `gpus` (at most one) and `threads`
    """
    path = Path(config["predict"]["model"])
    if vlm := _vlm_of(path, project):
        section = sections[vlm]
    elif (file := vlm_file(path)) is None:
        return None
    else:
        try:
            found = read_vlm_description(file)
        except ModelError:
            # `model_files` says so as soon as the model is used.
            return None
        model = found["options"]["model"]
        revision = found.get("commit") or model.get("revision")
        section = {**config["vlm"], "model": model["model"], "revision": revision}
    return {
        "model": section["model"],
        "revision": section["revision"],
        "gpus": min(1, gpus(section, section)),
        "threads": section["threads"],
    }


def asked_weights(asked: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the pretrained weights of `asked_vlm`, as `weights_wanted` does."""
    if asked is None or asked["model"] in TOYS:
        return {}
    given = {"model": asked["model"], "revision": asked["revision"]}
    return {weights_name(given): {**given, "setting": "vlm.model"}}


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


def _vlm_of(path: Path, project: Project) -> str | None:
    """Return the name of the model of `vlm` whose folder a path is: as trained, or as shared."""
    folder = path.parent if path.name == SHARED else path
    if not folder.is_relative_to(project.results):
        return None
    parts = folder.relative_to(project.results).parts
    if len(parts) < 6 or parts[1] != "vlm" or parts[4] not in STAGES:
        return None
    dataset, vlm = parts[0], parts[2]
    known = vlm.removesuffix("_tiny") in FAMILIES and dataset in project.tested
    if not known or project.plans[dataset].unlabelled:
        return None
    folds = project.of_folds(dataset, f"{'/'.join(parts[1:5])}/{{split}}")
    return vlm if folder in map(Path, folds) else None


def _check_head(path: Path, section: Section) -> None:
    if section["head"] in ("regression", "generate"):
        raise PlanError(
            f"predict.model: {path}: found vlm.head: {section['head']}, expected verbaliser or "
            "linear: only these give probabilities of the classes"
        )


def _check_foreign(path: Path, config: Mapping[str, Any]) -> None:
    if not path.exists():
        raise PlanError(
            f"predict.model: {path}: no such file or folder; expected `{ENSEMBLE}`, a folder that "
            "`snakemake export_model` wrote, the checkpoint.pt of a fold, or the folder of a "
            "trained vision-language model"
        )
    if not path.is_dir():
        return
    options = stage_options(config)
    try:
        file = vlm_file(path)
        found = read_vlm_description(file)["split_metadata"] if file else read_description(path)
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
