"""docs/configuration.md: every key once, as the schema has it."""

import re

import pytest

from facewave.config.schema import adapter_schema, adapters, schema
from facewave.config.table import PAGE_PATH, configuration_page
from tests.config.config_keys import members


@pytest.fixture(scope="module")
def page():
    return configuration_page()


def rows(text):
    """Return the key of each row with its other cells."""
    lines = [line[2:-2] for line in text.splitlines() if line.startswith("| `")]
    cells = [re.split(r" +\| +", line.replace("|  |", "| - |")) for line in lines]
    return [(cell[0].strip("`"), cell[1:]) for cell in cells]


def test_page_is_up_to_date(page):
    written = PAGE_PATH.read_text(encoding="utf-8")
    assert written == page, "docs/configuration.md is not that of the schema; run: make docs"


def test_every_key_outside_the_datasets_stands_there_once(page):
    before, _, rest = page.partition("\n## Datasets\n")
    _, _, after = rest.partition("\n## Tracking\n")
    keys = [key for key, _ in rows(before + after) if "<name>" not in key]
    sections = {key for key, part in schema()["properties"].items() if "properties" in part}
    wanted = {".".join(path) for path, _ in members(schema()) if path[0] != "datasets"}
    assert sorted(keys) == sorted(wanted - sections)
    for section in sections:
        assert f"\n### `{section}`\n" in page


def test_keys_of_the_datasets_stand_under_all_adapters_or_their_own(page):
    _, _, rest = page.partition("### Keys that several adapters have\n")
    shared, *own = re.split(r"\n### Adapter ", rest.partition("\n## Tracking\n")[0])
    common = {key: cells[-1] for key, cells in rows(shared)}
    assert len(common) == len(rows(shared)), "a shared key stands there twice"
    for adapter, text in zip(adapters(), own, strict=True):
        assert text.startswith(f"`{adapter}`\n")
        there = {key for key, _ in rows(text)}
        for key in set(adapter_schema(adapter)["properties"]) - {"adapter"}:
            assert (key in there) != has(adapter, common.get(key, "")), (adapter, key)


def has(adapter, words):
    """Return whether an adapter is meant by `all`, `all but a, b` or `a, b`."""
    named = f"`{adapter}`" in words
    return not named if words.startswith("all") else named


def test_rows_show_default_range_and_choices(page):
    table = dict(rows(page))
    assert table["mlp.hidden"][0] == "`[64]`"
    assert table["landmarker.model"][0] == "`null`"
    assert table["module"][0] == "required"
    assert table["wavelet.coefficients"][1].endswith("A whole number from 1 to 1024.")
    assert table["wavelet.statistics"][1].endswith("Any of `mean`, `std`, `quantiles`.")
    assert table["captions"][1].endswith("One of `english`, `chinese`, `both`, `none`.")
    assert table["zero_shot.models.<name>.frames"][0] == "`8`"
