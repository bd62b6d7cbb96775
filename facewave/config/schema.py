"""The configuration's JSON Schema: read, applied, and its defaults filled in."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA_PATH = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.yaml"
_WHOLE_NUMBER = re.compile(r"(-?[0-9]+)(?:\.0*)?")


@cache
def schema() -> dict[str, Any]:
    """Return the schema; it is read once per process and must not be modified."""
    content: dict[str, Any] = load_yaml(SCHEMA_PATH)
    _choose_by_adapter(content["$defs"])
    _end_patterns(content)
    return content


def _end_patterns(part: Any) -> None:
    """Let the `$` that ends a pattern mean the end of the text.

    In JSON Schema it does; Python's also comes before a newline at the end.
    """
    if isinstance(part, dict):
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            part["pattern"] = re.sub(r"(?<!\\)\$\Z", r"\\Z", pattern)
        part = list(part.values())
    if isinstance(part, list):
        for member in part:
            _end_patterns(member)


def _choose_by_adapter(definitions: dict[str, Any]) -> None:
    """Let each entry of `datasets` be what the definition `adapter_...` of its adapter says."""
    prefix = "adapter_"
    names = [key.removeprefix(prefix) for key in definitions if key.startswith(prefix)]
    definitions["dataset"]["properties"]["adapter"]["enum"] = names
    definitions["dataset"]["allOf"] = [
        {
            "if": {
                "type": "object",
                "required": ["adapter"],
                "properties": {"adapter": {"const": name}},
            },
            "then": {"$ref": f"#/$defs/{prefix}{name}"},
        }
        for name in names
    ]


def load_yaml(path: Path) -> Any:
    """Return the content of a YAML file."""
    import yaml

    # libyaml's loader is ten times faster, but not every build of PyYAML has it.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=loader)  # noqa: S506 (either is the safe loader)


def adapters() -> list[str]:
    """Return the names of the dataset adapters that the schema knows."""
    names: list[str] = schema()["$defs"]["dataset"]["properties"]["adapter"]["enum"]
    return names


def adapter_schema(name: object) -> dict[str, Any] | None:
    """Return the sub-schema of an adapter's options, None where there is no such adapter."""
    found: dict[str, Any] | None = schema()["$defs"].get(f"adapter_{name}")
    return found


def resolve(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sub-schema together with the definition that its `$ref` names."""
    reference = part.get("$ref")
    if reference is None:
        return dict(part)
    return {**resolve(schema()["$defs"][reference.removeprefix("#/$defs/")]), **part}


def normalised(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a deep copy of a configuration in which the keys of `label_names` are text."""
    copy: dict[str, Any] = plain(config)
    for _, options in dataset_items(copy):
        names = options.get("label_names")
        if isinstance(names, dict):
            # `{1: happy}` is what people write; JSON Schema knows only text as keys.
            options["label_names"] = {_text_key(key, names): word for key, word in names.items()}
    return copy


def _text_key(key: object, names: Mapping[object, object]) -> object:
    if isinstance(key, bool) or not isinstance(key, int | float) or label_key(key) in names:
        return key
    return label_key(key)


def label_key(label: object) -> str:
    """Return the form in which a table's labels and the keys of `label_names` are compared.

    Letter case, surrounding spaces and the way in which a whole number is written (1, 1.0, 01) do
    not count.
    """
    text = str(label).strip()
    number = _WHOLE_NUMBER.fullmatch(text)
    return str(int(number[1])) if number else text.casefold()


def dataset_items(config: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the names of the datasets with their options, as far as these are mappings."""
    datasets = config.get("datasets")
    if not isinstance(datasets, dict):
        return []
    return [(name, options) for name, options in datasets.items() if isinstance(options, dict)]


def schema_errors(config: dict[str, Any]) -> list[Any]:
    """Return every `jsonschema.ValidationError` of a configuration made of dicts and lists."""
    from jsonschema import Draft202012Validator, validators

    # JSON takes 32.0 for an integer, and YAML's .nan lies within every bound: both are refused.
    strict_types = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: _is_number(value) and isinstance(value, int),
            "number": lambda _, value: _is_number(value),
        }
    )
    validator = validators.extend(Draft202012Validator, type_checker=strict_types)
    return list(validator(schema()).iter_errors(config))


def filled(value: Any, part: Mapping[str, Any]) -> Any:
    """Return `value` with the defaults of the sub-schema `part` wherever it lacks a key.

    What is there stays, right or wrong. `value` is left as it was.
    """
    part = resolve(part)
    if not isinstance(value, Mapping):
        return value
    if "allOf" in part:
        part = adapter_schema(value.get("adapter")) or part
    members = {key: resolve(member) for key, member in part.get("properties", {}).items()}
    others = part.get("additionalProperties")
    defaults = {k: plain(m["default"]) for k, m in members.items() if "default" in m}
    return {
        key: filled(item, members.get(key, others if isinstance(others, Mapping) else {}))
        for key, item in {**defaults, **value}.items()
    }


def plain(value: Any) -> Any:
    """Copy deeply, turning Snakemake's ordered mappings into the dicts that jsonschema knows."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < float("inf")
