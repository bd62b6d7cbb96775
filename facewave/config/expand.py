"""`~` and `$VAR` in the paths of a configuration, expanded in one place before anything else."""

import os
from collections.abc import Mapping
from string import Template
from typing import Any

from facewave.config.errors import key_path
from facewave.config.schema import adapter_schema, resolve, schema
from facewave.messages import found

PATH = "path"  # the `format` of the schema's members that are paths


def expanded(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a configuration with `~`, `~user`, `$VAR` and `${VAR}` expanded in all its paths.

    Paths are the members whose `format` in the schema is `path`; `$$` is a dollar sign. What is
    not of the schema's form stays: its own check speaks of it.

    Args:
        config: before or after its defaults are filled in

    Returns:
        the copy, and a line per undefined variable or unknown user
    """
    problems: list[str] = []
    copy = _member(config, schema(), (), problems)
    return copy, problems


def _member(
    value: Any, part: Mapping[str, Any], place: tuple[Any, ...], problems: list[str]
) -> Any:
    part = resolve(part)
    if isinstance(value, str):
        return _path(value, place, problems) if part.get("format") == PATH else value
    if isinstance(value, list):
        items = part.get("items")
        if not isinstance(items, Mapping):
            return value
        return [_member(item, items, (*place, i), problems) for i, item in enumerate(value)]
    if not isinstance(value, Mapping):
        return value
    if "allOf" in part:
        part = adapter_schema(value.get("adapter")) or part
    members, others = part.get("properties", {}), part.get("additionalProperties")
    rest = others if isinstance(others, Mapping) else {}
    return {
        key: _member(item, members.get(key, rest), (*place, key), problems)
        for key, item in value.items()
    }


def _path(text: str, place: tuple[Any, ...], problems: list[str]) -> str:
    key = key_path(part if isinstance(part, int) else str(part) for part in place)
    try:
        path = Template(text).substitute(os.environ) if "$" in text else text
    except KeyError as error:
        name = error.args[0]
        problems.append(
            f"{key}: found {found(text)} with the undefined variable {name}, expected one of the "
            f"environment (export {name}=..., or write $$ for a dollar sign)"
        )
        return text
    except ValueError:
        wanted = "$NAME or ${NAME} for a variable, or $$ for a dollar sign"
        problems.append(f"{key}: found {found(text)}, expected {wanted}")
        return text
    full = os.path.expanduser(path)  # noqa: PTH111 - Path raises for an unknown user
    if full.startswith("~"):
        user = full.partition("/")[0]
        problems.append(
            f"{key}: found {found(text)}, expected a home folder that exists (a folder that is "
            f"really named {user} is ./{user})"
        )
        return text
    return full
