"""What the vision-language models need before any clip is tracked: weights, and GPUs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facewave.planning.project import Project
from facewave.pretrained import with_pin
from facewave.vlm.plan import (
    FAMILIES,
    STAGES,
    TOYS,
    model_params,
    shown_models,
    shown_zero_shot,
    vlm_section,
    zero_shot_params,
)

# Name of the check of the model that describes clips.
DESCRIBES = "annotate"
_DIGITS = 8


def weights_name(model: Mapping[str, Any]) -> str:
    """Return a name for files about a model's weights.

    Args:
        model: `model` and `revision`, pinned or not.
    """
    given = with_pin({"model": model["model"], "revision": model.get("revision")})
    name, revision = str(given["model"]), str(given["revision"] or "main")
    if Path(name).is_absolute() or name.startswith((".", "~")):
        revision = hashlib.sha256(name.encode()).hexdigest()
        name = Path(name).name
    safe = re.sub(r"[^A-Za-z0-9_.-]+", "--", f"{name}@{revision[:_DIGITS]}".replace("@", "-"))
    return safe.lstrip(".-") or "weights"


def weights_wanted(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the models of the configuration that need weights, by `weights_name`.

    Returns:
        name to the keyword arguments of `facewave.pretrained.fetch_weights`
    """
    named = [("vlm.model", config["vlm"]), ("vlm.qwen.model", config["vlm"]["qwen"])]
    named += [
        (f"zero_shot.models.{name}.model", model)
        for name, model in config["zero_shot"]["models"].items()
    ]
    named.append(("annotate.model", config["annotate"]))
    found: dict[str, dict[str, Any]] = {}
    for setting, section in named:
        given = with_pin({"model": section["model"], "revision": section.get("revision")})
        if given["model"] not in TOYS:
            found.setdefault(weights_name(given), {**given, "setting": setting})
    return found


def weights_file(results: Path, model: Mapping[str, Any]) -> list[Path]:
    """Return the file that says that a model's weights are here; none for a toy.

    Args:
        results: folder that everything is written to.
        model: `model` and `revision`, pinned or not.
    """
    if model["model"] in TOYS:
        return []
    return [results / "models" / "weights" / f"{weights_name(model)}.json"]


def checks_wanted(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is asked of the GPU, by model: those that compute on one.

    Returns:
        name (`DESCRIBES`, of `checks_of_trained` or of `checks_of`) to the fields of
        `facewave.vlm.preflight.GpuRequest`
    """
    zero_shot, annotate = config["zero_shot"], config["annotate"]
    found = {}
    for family, name in zip(FAMILIES, checks_of_trained(FAMILIES), strict=True):
        section = vlm_section(config, family)
        targets = ("value",) if section["head"] == "regression" else ()
        params = model_params(section, control="full", stage=STAGES[-1], targets=targets)
        batch = {"batch_size": section["batch_size"], "trained": params["model"]}
        found[name] = _request(section, section, "vlm") | batch
    for name in zero_shot["models"]:
        model = zero_shot_params(zero_shot, name)["model"]
        found[checks_of([name])[0]] = _request(zero_shot, model, "zero_shot")
    found[DESCRIBES] = _request(annotate, annotate, "annotate")
    return {
        name: request
        for name, request in found.items()
        if request["gpus"] and request["model"] not in TOYS
    }


def checks_of_trained(families: Iterable[str]) -> list[str]:
    """Return the names of the checks of models that `vlm` trains."""
    return [f"vlm-{family}" for family in families]


def checks_of(models: Iterable[str]) -> list[str]:
    """Return the names of the checks of models of `zero_shot.models`."""
    return [f"zero_shot-{name}" for name in models]


def _request(section: Mapping[str, Any], model: Mapping[str, Any], key: str) -> dict[str, Any]:
    given = with_pin({"model": model["model"], "revision": model.get("revision")})
    return {**given, "dtype": section["dtype"], "gpus": section["gpus"], "section": key}


def check_files(config: Mapping[str, Any], names: Iterable[str]) -> list[Path]:
    """Return the files of the checks of some models; none for those that compute on the CPU."""
    folder, wanted = Path(config["results"]) / "models" / "gpu", checks_wanted(config)
    return [folder / f"{name}.json" for name in names if name in wanted]


def trainings(project: Project) -> int:
    """Return how many trainings of `vlm` there are: stages times folds of all datasets."""
    return len(STAGES) * sum(max(1, len(folds)) for folds in project.folds.values())


def preflight_files(config: Mapping[str, Any]) -> list[Path]:
    """Return the weights and checks of all models that a target of the configuration would use."""
    zero_shot, annotate = config["zero_shot"], config["annotate"]
    sections = [vlm_section(config, family) for family in FAMILIES]
    models = [*sections, *(zero_shot["models"][name] for name in zero_shot["enabled"])]
    names = [*checks_of_trained(FAMILIES), *checks_of(zero_shot["enabled"])]
    if annotate["dataset"] is not None:
        models.append(annotate)
        names.append(DESCRIBES)
    weights = [path for model in models for path in weights_file(Path(config["results"]), model)]
    return [*dict.fromkeys(weights), *check_files(config, names)]


def shown_checks(config: Mapping[str, Any]) -> list[Path]:
    """Return the checks of the models that a report shows."""
    families = [family for family in FAMILIES if shown_models(vlm_section(config, family))]
    asked = config["zero_shot"]["enabled"] if shown_zero_shot(config["zero_shot"]) else []
    return check_files(config, [*checks_of_trained(families), *checks_of(asked)])
