"""Check the configuration and fill in the defaults."""

from collections.abc import Mapping
from typing import Any

from facewave.config.cross_checks import cross_problems, unknown_dataset
from facewave.config.errors import ConfigError, describe
from facewave.config.expand import expanded
from facewave.config.schema import (
    adapter_schema,
    adapters,
    dataset_items,
    filled,
    label_key,
    normalised,
    schema,
    schema_errors,
)
from facewave.manifest.class_lists import preset_classes
from facewave.messages import found, listed

__all__ = ["ConfigError", "check_config", "dataset_config", "label_key"]

_DETECT = "detect"  # segments.scenes: the lists that `detect_scenes` writes


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration, fill in the defaults, expand `~` and `$VAR` in its paths.

    Args:
        config: the merged configuration as Snakemake has it; missing keys take their defaults

    Returns:
        a deep copy with every key of every section and dataset; the keys of `label_names` are
        text. A dataset without `classes` stays without: see `dataset_config`.

    Raises:
        ConfigError: naming every problem at once
    """
    given, problems = expanded(normalised(config))
    problems += [line for error in schema_errors(given) for line in describe(error)]
    full: dict[str, Any] = filled(given, schema())
    problems += cross_problems(full)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return full


def dataset_config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the options of one dataset, with the defaults filled in.

    Args:
        config: a configuration that passes `check_config`, before or after it
        name: a key of `datasets`

    Returns:
        a copy of the adapter's options, with `adapter` and `classes` (the dataset's own list, else
        the usual one of its adapter, else the general list; its name alone where `classes` is null:
        its clips have no class); those of `joint` hold the options of
        its datasets as `members`. `segments.scenes: detect` becomes the folder of the lists that
        `detect_scenes` writes, with the folder of their keys beside it.

    Raises:
        ConfigError: no such dataset, or its adapter is missing or unknown
    """
    full = filled(normalised(config), schema())
    datasets = dict(dataset_items(full))
    if name not in datasets:
        raise ConfigError([unknown_dataset("datasets", name, datasets)])
    options = datasets[name]
    if adapter_schema(options.get("adapter")) is None:
        place = f"datasets.{name}.adapter"
        value = found(options.get("adapter"))
        raise ConfigError([f"{place}: found {value}, expected one of {listed(adapters())}"])
    usual = preset_classes(options["adapter"], options.get("classes_preset"))
    options = {"classes": list(usual) if usual else full["classes"], **options}
    if options["classes"] is None:
        options["classes"] = [name]
    segments = options.get("segments")
    if isinstance(segments, dict) and segments.get("scenes") == _DETECT:
        folder = f"{full['results']}/{name}"
        places = {"scenes": f"{folder}/scenes", "keys": f"{folder}/keys/scenes"}
        options["segments"] = segments | places
    if options["adapter"] == "joint":
        members = {member: dataset_config(config, member) for member in options["datasets"]}
        options["members"] = members
    return options
