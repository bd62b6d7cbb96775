"""The configuration: checked against its schema, with the defaults filled in.

`schemas/config.schema.yaml` says what every key means, what it may hold and its default. This
module adds the checks that compare keys with each other and names all problems in one message.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from facewave.config.cross_checks import (
    asked_problems,
    source_problems,
    text_problems,
    vlm_problems,
)
from facewave.config.errors import ConfigError, describe
from facewave.config.schema import adapter_schema, adapters, filled, plain, schema, schema_errors
from facewave.manifest.class_lists import canonical, preset_classes
from facewave.messages import did_you_mean, found, listed

__all__ = ["ConfigError", "check_config", "dataset_config", "label_key"]

# Clips that the workflow renders exist for an enabled dataset only; a joint one has no files.
_NOT_JOINED = ("demo", "joint")
_DETECT = "detect"  # segments.scenes: the lists that `detect_scenes` writes
_WHOLE_NUMBER = re.compile(r"(-?[0-9]+)(?:\.0*)?")


def check_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration and fill in the defaults.

    Args:
        config: the merged configuration as Snakemake has it; missing keys take their defaults

    Returns:
        a deep copy with every key of every section and dataset; the keys of `label_names` are
        text. A dataset without `classes` stays without: see `dataset_config`.

    Raises:
        ConfigError: naming every problem at once
    """
    given = _normalised(config)
    problems = [line for error in schema_errors(given) for line in describe(error)]
    full: dict[str, Any] = filled(given, schema())
    problems += _cross_problems(full)
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return full


def dataset_config(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the options of one dataset, with the defaults filled in.

    Args:
        config: a configuration that passes `check_config`, before or after it
        name: a key of `datasets`

    Returns:
        a copy of the adapter's options, among them `adapter` and `classes` (without a list of the
        dataset's own: the one that the release comes with, else the general list); those of
        `joint` hold the options of its datasets as `members`. `segments.scenes: detect` becomes
        the folder of the lists that `detect_scenes` writes, with that of their keys beside it.

    Raises:
        ConfigError: no such dataset, or its adapter is missing or unknown
    """
    full = filled(_normalised(config), schema())
    datasets = dict(_dataset_items(full))
    if name not in datasets:
        raise ConfigError([_unknown_dataset("datasets", name, datasets)])
    options = datasets[name]
    if adapter_schema(options.get("adapter")) is None:
        place = f"datasets.{name}.adapter"
        value = found(options.get("adapter"))
        raise ConfigError([f"{place}: found {value}, expected one of {listed(adapters())}"])
    usual = preset_classes(options["adapter"], options.get("classes_preset"))
    options = {"classes": list(usual) if usual else full["classes"], **options}
    segments = options.get("segments")
    if isinstance(segments, dict) and segments.get("scenes") == _DETECT:
        folder = f"{full['results']}/{name}"
        places = {"scenes": f"{folder}/scenes", "keys": f"{folder}/keys/scenes"}
        options["segments"] = segments | places
    if options["adapter"] == "joint":
        members = {member: dataset_config(config, member) for member in options["datasets"]}
        options["members"] = members
    return options


def label_key(label: object) -> str:
    """Return the form in which a table's labels and the keys of `label_names` are compared.

    Letter case, blanks around a word and the way in which a whole number is written (1, 1.0, 01)
    do not count.
    """
    text = str(label).strip()
    number = _WHOLE_NUMBER.fullmatch(text)
    return str(int(number[1])) if number else text.casefold()


def _normalised(config: Mapping[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = plain(config)
    for _, options in _dataset_items(copy):
        names = options.get("label_names")
        if isinstance(names, dict):
            # `{1: happy}` is what people write; JSON Schema knows only text as keys.
            options["label_names"] = {_text_key(key, names): word for key, word in names.items()}
    return copy


def _text_key(key: object, names: Mapping[object, object]) -> object:
    if isinstance(key, bool) or not isinstance(key, int | float) or label_key(key) in names:
        return key
    return label_key(key)


def _dataset_items(config: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    datasets = config.get("datasets")
    if not isinstance(datasets, dict):
        return []
    return [(name, options) for name, options in datasets.items() if isinstance(options, dict)]


def _cross_problems(config: Mapping[str, Any]) -> Iterator[str]:
    datasets, enabled = config["datasets"], config["enabled"]
    if isinstance(datasets, dict) and isinstance(enabled, list):
        for index, name in enumerate(enabled):
            if isinstance(name, str) and name not in datasets:
                yield _unknown_dataset(f"enabled[{index}]", name, datasets)
    yield from _class_problems("classes", config["classes"])
    yield from _input_problems(config)
    yield from vlm_problems(config["vlm"])
    yield from text_problems(config["transcripts"], config["export_chat"])
    yield from source_problems(config)
    yield from asked_problems(config)
    for name, options in _dataset_items(config):
        place = f"datasets.{name}"
        yield from _class_problems(f"{place}.classes", options.get("classes"))
        names = options.get("label_names")
        if isinstance(names, dict):
            classes = _texts(options.get("classes", config["classes"]))
            yield from _label_name_problems(f"{place}.label_names", names, classes)
        yield from _class_map_problems(f"{place}.class_map", options, config["classes"])
        if options.get("adapter") == "joint":
            yield from _joint_problems(f"{place}.datasets", options.get("datasets"), datasets)


def _unknown_dataset(place: str, name: str, datasets: Mapping[str, Any]) -> str:
    known = [str(key) for key in datasets]
    wanted = f"a key of `datasets` ({listed(known)})"
    return f"{place}: found {found(name)}, expected {wanted}{did_you_mean(name, known)}"


def _input_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Name inputs of the network that the features of this configuration do not have."""
    sections = [config[name] for name in ("mlp", "wavelet", "features")]
    if not all(isinstance(section, dict) for section in sections):
        return
    mlp, wavelet, features = sections
    for name in _texts(mlp.get("inputs")):
        source, _, kind = name.partition("_")
        place = f"mlp.inputs: found {name!r}, which"
        if source == "pose" and features.get("head_pose") is False:
            yield f"{place} needs features.head_pose: true"
        if kind == "energy" and wavelet.get("energy") is False:
            yield f"{place} needs wavelet.energy: true"
        if kind == "statistics" and wavelet.get("statistics") == []:
            yield f"{place} needs names under wavelet.statistics"
    fusion = mlp.get("fusion")
    mirrored = isinstance(fusion, dict) and fusion.get("mirror") is True
    if mirrored and features.get("align") == "none" and "landmarks" in _texts(mlp.get("inputs")):
        yield (
            "mlp.fusion.mirror: found true, expected false with features.align: none (landmarks in "
            "image coordinates cannot be mirrored)"
        )


def _class_problems(place: str, classes: object) -> Iterator[str]:
    seen: dict[str, str] = {}
    for word in _texts(classes):
        other = seen.setdefault(word.casefold(), word)
        if other != word:
            yield (
                f"{place}: found {other!r} and {word!r}, expected classes that differ in more "
                "than letter case (labels are compared without it)"
            )


def _label_name_problems(
    place: str, names: Mapping[object, object], classes: list[str]
) -> Iterator[str]:
    seen: dict[str, object] = {}
    for key, word in names.items():
        other = seen.setdefault(label_key(key), key)
        if other != key:
            yield f"{place}: found {other!r} and {key!r}, expected each label once (1.0 means 1)"
        if isinstance(word, str) and word not in classes:
            wanted = f"one of the dataset's classes ({listed(classes)})"
            yield (
                f"{place}.{key}: found {found(word)}, expected {wanted}"
                f"{did_you_mean(word, classes)}"
            )


def _class_map_problems(place: str, options: Mapping[str, Any], general: object) -> Iterator[str]:
    mapped = options.get("class_map")
    if not isinstance(mapped, dict):
        return
    usual = preset_classes(str(options.get("adapter")), options.get("classes_preset"))
    classes = _texts(options.get("classes") or (list(usual) if usual else general))
    known = {canonical(name) for name in classes}
    for key, word in mapped.items():
        if isinstance(word, str) and canonical(word) not in known:
            wanted = f"one of the dataset's classes ({listed(classes)}) or null"
            yield (
                f"{place}.{key}: found {found(word)}, expected {wanted}"
                f"{did_you_mean(word, classes)}"
            )


def _joint_problems(place: str, names: object, datasets: Mapping[str, Any]) -> Iterator[str]:
    for index, name in enumerate(_texts(names)):
        if name not in datasets:
            yield _unknown_dataset(f"{place}[{index}]", name, datasets)
        elif isinstance(datasets[name], dict) and datasets[name].get("adapter") in _NOT_JOINED:
            adapter = datasets[name]["adapter"]
            yield (
                f"{place}[{index}]: found {found(name)} with adapter {adapter}, expected a dataset "
                "that is read from files of its own"
            )


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
