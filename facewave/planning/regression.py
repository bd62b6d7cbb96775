"""The MLP as a regression: which targets it predicts, where its scores are, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.planning.plan import PlanError
from facewave.planning.project import Project
from facewave.vlm.plan import TargetsError, chosen_targets


def predicts_values(config: Mapping[str, Any]) -> bool:
    """Return whether the MLP of a checked configuration predicts values, not classes."""
    return bool(config["mlp"]["head"] == "regression")


def mlp_options(config: Mapping[str, Any], project: Project, dataset: str) -> dict[str, Any]:
    """Return the section `mlp` of a training, with the names of a dataset's targets filled in.

    Of classes it is as it was before there was a regression, so that results stay valid.

    Raises:
        PlanError: the dataset lacks the targets of a regression.
    """
    section = config["mlp"]
    if not predicts_values(config):
        return {name: value for name, value in section.items() if name not in ("head", "targets")}
    try:
        columns = chosen_targets(
            section, project.plans[dataset].targets, dataset=dataset, key="mlp"
        )
    except TargetsError as error:
        raise PlanError(str(error)) from None
    return {**section, "targets": {**(section["targets"] or {}), "columns": list(columns)}}


def mlp_targets(config: Mapping[str, Any], project: Project, dataset: str) -> list[Path]:
    """Return the table of a dataset's targets if the MLP predicts them.

    Raises:
        PlanError: the dataset lacks them.
    """
    if not predicts_values(config):
        return []
    mlp_options(config, project, dataset)
    return [project.results / dataset / "targets.parquet"]


def mlp_scores(config: Mapping[str, Any]) -> str:
    """Return the name of the file with the MLP's scores."""
    return "regression.json" if predicts_values(config) else "metrics.json"


def classes_only(config: Mapping[str, Any], target: str) -> list[Path]:
    """Return no file: an input of what cannot be done with values.

    Args:
        config: checked.
        target: what was asked for.

    Raises:
        PlanError: the MLP predicts values.
    """
    if predicts_values(config):
        raise PlanError(
            f"{target}: works with classes only, but mlp.head is regression; set mlp.head: "
            "classification, or ask for train_mlp, cross_validate or report"
        )
    return []
