"""Which datasets are trained on and which are tested, where these are different ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from facewave.planning.plan import PlanError
from facewave.splits.partition import CROSS_DATASET, PLUS

# Keys of the section `split` that decide how the clips of one dataset are divided.
_SPLIT_KEYS = ("protocol", "val_fraction", "folds", "allow_leaks")


def split_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of the section `split` that concern the clips of one dataset."""
    return {name: config["split"][name] for name in _SPLIT_KEYS}


def cross_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a split over several datasets."""
    section = config["split"]
    return {
        **{name: section[name] for name in ("class_map", "val_fraction", "allow_leaks")},
        "seed": config["seed"],
    }


def cross_folds(config: Mapping[str, Any], dataset: str) -> list[str]:
    """Return the folds of a dataset under the protocol `cross_dataset`: one, named by `train`.

    Without `train` these are all other enabled datasets that can be trained on.
    """
    named = config["split"]["train"]
    trained = named or [name for name in comparable(config) if name != dataset]
    return [] if dataset in trained else [f"fold-{PLUS.join(trained)}"]


def comparable(config: Mapping[str, Any]) -> list[str]:
    """Return the enabled datasets with clips of their own, which joint ones do not have."""
    return [name for name in config["enabled"] if config["datasets"][name]["adapter"] != "joint"]


def pairs(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return all pairs of a dataset to train on and another one to test on.

    Under the protocol `cross_dataset` with both `train` and `test` only pairs of these.
    """
    section = config["split"]
    found = list(permutations(comparable(config), 2))
    if section["protocol"] != CROSS_DATASET:
        return found
    return [
        (train, test)
        for train, test in found
        if train in (section["train"] or [train]) and test in (section["test"] or [test])
    ]


def datasets_of(dataset: str, trained: str) -> list[str]:
    """Return the tested dataset and, behind it, those that are trained on.

    Args:
        dataset: the tested one.
        trained: the others, as a fold names them.
    """
    return [dataset, *trained.split(PLUS)]


def pair_predictions(config: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return the MLP's predictions of all pairs: pair after pair, in each of them one per seed.

    Args:
        config: the checked configuration.
        names: of the seeds' files.

    Raises:
        PlanError: there is no pair.
    """
    by_seed = [pair_files(config, f"mlp/{{split}}/{name}") for name in names]
    return [path for pair in zip(*by_seed, strict=True) for path in pair]


def pair_files(config: Mapping[str, Any], pattern: str) -> list[str]:
    """Return one file per pair, in the order of `pairs`.

    Args:
        config: the checked configuration.
        pattern: below the tested dataset's folder, with `{split}`, the pair's folder.

    Raises:
        PlanError: there is no pair.
    """
    found = pairs(config)
    if not found:
        raise PlanError(
            f"cross_datasets: {', '.join(comparable(config))} is one dataset; enable at least two "
            "that are read from files of their own"
        )
    return [
        str(Path(config["results"]) / test / pattern.format(split=f"{CROSS_DATASET}/fold-{train}"))
        for train, test in found
    ]
