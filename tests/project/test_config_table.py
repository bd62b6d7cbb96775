"""The README's table of the configuration's keys."""

import re

import pytest

from facewave.config.schema import load_yaml, schema
from facewave.config.table import BEGIN, CONFIG_PATH, END, config_table, table_in

README = CONFIG_PATH.parent / "README.md"


@pytest.fixture(scope="module")
def table():
    return config_table(load_yaml(CONFIG_PATH))


def test_table_names_every_key_once(table):
    keys = re.findall(r"^\| `([^`]+)`", table, flags=re.MULTILINE)
    sections = {key: part for key, part in schema()["properties"].items() if "properties" in part}
    expected = set(schema()["properties"]) - {"datasets", *sections}
    expected |= {f"{key}.{name}" for key, part in sections.items() for name in part["properties"]}
    general = [key for key in keys if not key.startswith("datasets.")]
    assert len(general) == len(set(general))
    assert set(general) == expected


def test_table_shows_the_defaults_of_config_yaml(table):
    assert "| `mlp.hidden` | `[64]` |" in table
    assert "| `landmarker.model` | `null` |" in table
    assert "| `datasets.<name>.root` | required |" in table
    assert "| `datasets.<name>.takes` | `5` |" in config_table(
        {"datasets": {"demo": {"adapter": "demo", "takes": 5}}}
    )


def test_every_row_has_three_cells(table):
    for line in table.splitlines():
        assert len(re.split(r"(?<!\\)\|", line)) == 5, line


def test_table_in_needs_both_markers():
    assert table_in("# x\n") is None
    assert table_in(f"{BEGIN}\n| a |\n") is None
    assert table_in(f"# x\n{BEGIN}\n\n| a |\n\n{END}\n") == "| a |\n"


def test_config_table_is_that_of_the_readme(table):
    given = table_in(README.read_text(encoding="utf-8")) if README.exists() else None
    if given is None:
        pytest.skip("README.md has no table of the configuration's keys yet")
    assert given == table, "replace it by the output of: python -m facewave.config.table"
