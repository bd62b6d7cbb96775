"""The variants that an ablation compares, from the configuration.

The Snakefile imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Mapping
from typing import Any

from facewave.config.check import check_config
from facewave.config.errors import ConfigError

# Sections of the configuration in which variants may differ.
SECTIONS = ("quality", "features", "wavelet", "mlp")


def with_grid(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with a variant for each point of `ablation.grid`.

    A point has one value of every key of the grid and is named by them, as
    `layout_paper_coefficients_8` for `wavelet.layout` and `wavelet.coefficients`.

    Args:
        config: the checked configuration.

    Raises:
        ConfigError: two variants have the same name, or one key of the grid is within another.
    """
    full = copy.deepcopy(dict(config))
    variants, grid = full["ablation"]["variants"], full["ablation"]["grid"]
    for key in grid:
        if any(other.startswith(f"{key}.") for other in grid):
            raise ConfigError([f"ablation.grid: {key} and keys of it cannot both be varied"])
    for values in itertools.product(*grid.values()) if grid else ():
        point = dict(zip(grid, values, strict=True))
        name = "_".join(
            _word(part) for key in point for part in (key.rpartition(".")[2], point[key])
        )
        if name in variants:
            raise ConfigError([f"ablation.grid: there are two variants {name!r}: rename one"])
        variants[name] = {}
        for key, value in point.items():
            *sections, option = key.split(".")
            nested = {option: value}
            for section in reversed(sections):
                nested = {section: nested}
            variants[name] = _merged(variants[name], nested)
    return full


def _word(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with some keys changed, in the sections of sections as well."""
    merged = copy.deepcopy(dict(before))
    for key, value in changes.items():
        inner = merged.get(key)
        if isinstance(inner, dict) and isinstance(value, Mapping):
            merged[key] = _merged(inner, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def variant_options(config: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the sections of the configuration as a variant sets them, checked.

    Args:
        config: the checked configuration.
        name: a key of `ablation.variants`.

    Raises:
        ConfigError: the variant sets something that is not allowed.
    """
    variant = config["ablation"]["variants"][name]
    changes = {section: variant[section] for section in SECTIONS if section in variant}
    checked = check_config(_merged(config, changes))
    return {section: checked[section] for section in SECTIONS}


def candidates(config: Mapping[str, Any]) -> list[str]:
    """Return the variants that inner folds choose among, in the order of the configuration.

    Args:
        config: the checked configuration. Without `ablation.candidates` all variants that are not
            controls; the reference is always one of them.

    Raises:
        ConfigError: a candidate is not a variant, or is a control.
    """
    section = config["ablation"]
    variants, named = section["variants"], section["candidates"]
    if named is None:
        named = [name for name, changes in variants.items() if not _is_control(changes)]
    problems = []
    for name in dict.fromkeys([section["reference"], *named]):
        if name not in variants:
            problems.append(f"ablation.candidates: {name!r} is not among the variants")
        elif _is_control(variants[name]):
            problems.append(f"ablation.candidates: {name!r} is a control and cannot be chosen")
    if problems:
        raise ConfigError(problems)
    return [name for name in variants if name in {section["reference"], *named}]


def _is_control(changes: Mapping[str, Any]) -> bool:
    return "control" in changes or bool(changes.get("features", {}).get("shuffle_time"))
