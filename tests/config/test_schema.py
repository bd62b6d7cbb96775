"""The configuration's schema: every key described, unknown keys refused, defaults filled in."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from facewave.config.schema import adapter_schema, adapters, label_key, schema
from facewave.datasets.adapters import ADAPTERS
from facewave.datasets.adapters.table import OPTIONAL, REQUIRED
from tests.config.config_keys import members


def test_schema_is_valid():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(("path", "member"), list(members(schema())), ids=str)
def test_every_key_is_described_and_typed(path, member):
    assert member["description"].strip()
    assert {"type", "enum", "const", "anyOf"} & set(member)


def test_unknown_keys_are_refused_everywhere():
    parts = [schema(), *map(adapter_schema, adapters()), *(part for _, part in members(schema()))]
    closed = [part for part in parts if "properties" in part]
    assert len(closed) > 15 + len(adapters())
    assert all(part["additionalProperties"] is False for part in closed)


def test_every_adapter_is_a_file_and_a_definition_of_the_schema():
    assert sorted(adapters()) == sorted([*ADAPTERS, "joint"])
    assert all(adapter_schema(n)["properties"]["adapter"]["const"] == n for n in adapters())


def test_table_columns_of_schema_and_adapter_are_the_same():
    assert tuple(adapter_schema("table")["properties"]["columns"]["properties"]) == (
        REQUIRED + OPTIONAL
    )


@pytest.mark.parametrize(
    ("label", "key"),
    [
        (1, "1"), (1.0, "1"), ("1.0", "1"), ("01", "1"), (" 1. ", "1"), ("-1", "-1"), ("10", "10"),
        ("Happy ", "happy"), ("1.5", "1.5"), ("1..0", "1..0"), ("", ""), ("0", "0"), ("0.0", "0"),
    ],
)  # fmt: skip
def test_label_key(label, key):
    assert label_key(label) == key


def patterns(part):
    """Yield every pattern of a schema."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part["pattern"]
        part = list(part.values())
    if isinstance(part, list):
        for member in part:
            yield from patterns(member)


PATTERNS = sorted(set(patterns(schema())))


def test_every_pattern_reaches_to_the_end_of_the_text():
    assert len(PATTERNS) > 10
    assert all(pattern.endswith(r"\Z") for pattern in PATTERNS)


@pytest.mark.parametrize("pattern", PATTERNS)
@given(data=st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_pattern_lets_a_line_end_through(pattern, data):
    # What the pattern takes, made from it; a look-ahead is no help in making it.
    text = data.draw(st.from_regex(re.sub(r"\(\?![^)]*\)", "", pattern)))
    assert not re.search(pattern, text + "\n")
    assert not re.search(pattern, text.rstrip("\n") + "\r\n")
