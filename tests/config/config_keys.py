"""Every key of the configuration, configurations that hold one of them, and their problems."""

import pytest

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.schema import adapter_schema, adapters, resolve, schema

TABLE = {"adapter": "table", "root": "/data", "table": "labels.csv"}


def problems_of(config):
    with pytest.raises(ConfigError) as error:
        check_config(config)
    return error.value.problems


def only_problem(config):
    problems = problems_of(config)
    assert len(problems) == 1, problems
    return problems[0]


def members(part, path=()):
    """Yield path and sub-schema of every key; those of datasets under the adapter's name."""
    for key, member in resolve(part).get("properties", {}).items():
        yield (*path, key), resolve(member)
        yield from members(member, (*path, key))
        if (*path, key) == ("datasets",):
            for name in adapters():
                yield from members(adapter_schema(name), ("datasets", name))


LEAVES = [(path, member) for path, member in members(schema()) if "properties" not in member]


def with_value(path, value):
    """Return a configuration that is valid but for this value of a key."""
    config = {"datasets": {"demo": {"adapter": "demo"}, "table": dict(TABLE)}}
    if path[0] == "datasets" and len(path) > 1:
        needed = {"root": "/data", "module": "own.py", "datasets": ["table", "demo"]}
        needed["table"] = "labels.csv"
        keys = set(adapter_schema(path[1]).get("required", ())) & set(needed)
        given = config["datasets"].setdefault(path[1], {"adapter": path[1]})
        config["datasets"][path[1]] = {**{key: needed[key] for key in keys}, **given}
    part = config
    for key in path[:-1]:
        part = part.setdefault(key, {})
    part[path[-1]] = value
    return config
