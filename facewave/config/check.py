"""Check the configuration and fill in the defaults."""

from collections.abc import Iterable, Mapping
from itertools import chain, islice
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

_MOST_LEVELS = 32
_MOST_VALUES = 1_000_000
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
    _check_extent(config)
    given, problems = expanded(normalised(config))
    problems += [line for error in schema_errors(given) for line in describe(error)]
    full: dict[str, Any] = filled(given, schema())
    problems += cross_problems(full)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return full


def _check_extent(config: Mapping[str, Any]) -> None:
    """Refuse what YAML's aliases make endless or huge, before anything walks through it.

    Raises:
        ConfigError: naming the section.
    """
    for section, value in config.items():
        level, room = [value], _MOST_VALUES
        for _ in range(_MOST_LEVELS):
            level = list(islice(chain.from_iterable(map(_inside, level)), room))
            room -= len(level)
            if not level or not room:
                break
        if level:
            raise ConfigError(
                [
                    f"{section}: nested more than {_MOST_LEVELS} levels deep, or more than "
                    f"{_MOST_VALUES:,} values; look for aliases (*name) that repeat each other"
                ]
            )


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list) else ()


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
