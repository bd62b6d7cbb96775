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


def class_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the section `mlp` as it was before there was a regression: results stay valid.

    Raises:
        PlanError: the MLP predicts values.
    """
    classes_only(config, "the MLP's probabilities")
    return {name: config["mlp"][name] for name in config["mlp"] if name not in ("head", "targets")}


def mlp_options(config: Mapping[str, Any], project: Project, dataset: str) -> dict[str, Any]:
    """Return the section `mlp` of a regression, with the names of a dataset's targets filled in.

    Raises:
        PlanError: the dataset lacks the targets, or classes are predicted.
    """
    section = config["mlp"]
    if not predicts_values(config):
        raise PlanError("the values of the MLP: mlp.head is classification; set it to regression")
    try:
        columns = chosen_targets(
            section, project.plans[dataset].targets, dataset=dataset, key="mlp"
        )
    except TargetsError as error:
        raise PlanError(str(error)) from None
    return {**section, "targets": {**(section["targets"] or {}), "columns": list(columns)}}


def mlp_targets(config: Mapping[str, Any], project: Project, dataset: str) -> Path:
    """Return the table of a dataset's targets.

    Raises:
        PlanError: the dataset lacks those that the MLP is to predict.
    """
    mlp_options(config, project, dataset)
    return project.results / dataset / "targets.parquet"


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
