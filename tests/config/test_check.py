"""A checked configuration has every key, and config.yaml holds nothing but defaults."""

import copy
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.config.schema import load_yaml, resolve, schema
from facewave.config.table import CONFIG_PATH
from tests.config.config_keys import TABLE


def keys_of(part):
    """Return the number of values in nested mappings."""
    return sum(keys_of(value) if isinstance(value, dict) else 1 for value in part.values())


def test_config_yaml_is_short_and_changes_no_default():
    given = load_yaml(CONFIG_PATH)
    assert check_config(given) == check_config({})
    assert 25 <= keys_of(given) <= 45
    assert len(CONFIG_PATH.read_text(encoding="utf-8").splitlines()) <= 80


def open_mappings(part, path=()):
    """Yield the keys whose value is a mapping with names of one's own, and their defaults."""
    for key, member in resolve(part).get("properties", {}).items():
        member = resolve(member)
        if isinstance(member.get("additionalProperties"), dict) and member.get("default"):
            yield (*path, key), member["default"]
        yield from open_mappings(member, (*path, key))


def test_config_yaml_names_what_a_person_s_own_entries_are_added_to():
    """Snakemake merges files, not defaults: an entry of one's own must not hide those there are."""
    given = load_yaml(CONFIG_PATH)
    found = dict(open_mappings(schema()))
    assert found.keys() == {("datasets",), ("zero_shot", "models"), ("ablation", "variants")}
    for path, default in found.items():
        part = given
        for key in path:
            part = part[key]
        assert part.keys() == default.keys()


def test_the_commented_example_in_config_yaml_is_valid():
    text = CONFIG_PATH.read_text(encoding="utf-8")
    example = re.sub(r"(?m)^  # (mine:|  )", r"  \1", text)
    mine = dataset_config(check_config(yaml.safe_load(example)), "mine")
    assert (mine["adapter"], mine["table"]) == ("table", "labels.csv")


def test_check_config_copies_and_fills_in():
    given_config = OrderedDict(mlp=OrderedDict(hidden=(8, 4)), datasets={"t": dict(TABLE)})
    before = copy.deepcopy(given_config)
    config = check_config({**given_config, "enabled": ["t"]})
    assert given_config == before
    assert config["mlp"]["hidden"] == [8, 4]
    assert config["mlp"]["dropout"] == 0.4
    assert config["datasets"]["t"]["missing_files"] == "error"
    config["classes"].append("new")
    assert "new" not in check_config({})["classes"]


def test_check_config_is_idempotent():
    config = check_config({"datasets": {"demo": {"adapter": "demo"}, "t": TABLE}})
    assert check_config(config) == config


def test_a_config_of_nonsense_gives_a_config_error():
    nonsense = [None, 3, "x", [], [None], {"a": None}, {3: {}}]
    for key in schema()["properties"]:
        for value in nonsense:
            try:
                check_config({key: value})
            except ConfigError:
                continue


def test_dataset_config_fills_in_the_defaults():
    config = {"datasets": {"demo": {"adapter": "demo", "takes": 3}, "t": TABLE}}
    classes = check_config({})["classes"]
    assert dataset_config(config, "demo") == {
        "adapter": "demo", "subjects": 6, "takes": 3, "size": 256, "fps": 25, "classes": classes,
        "subset": None, "texts": None, "targets": None,
    }  # fmt: skip
    assert dataset_config(config, "t") == {
        **TABLE, "columns": {}, "label_names": None, "missing_files": "error", "classes": classes,
        "subset": None, "texts": None, "targets": None, "segments": None, "follow_links": False,
    }  # fmt: skip


def test_dataset_config_is_the_same_before_and_after_the_check():
    config = {"datasets": {"demo": {"adapter": "demo"}, "t": {**TABLE, "label_names": {1: "sad"}}}}
    assert dataset_config(config, "t") == dataset_config(check_config(config), "t")
    assert dataset_config(config, "t")["label_names"] == {"1": "sad"}


def test_dataset_config_names_what_is_wrong():
    with pytest.raises(ConfigError, match="did you mean 'demo'"):
        dataset_config({}, "demos")
    with pytest.raises(ConfigError, match=r"datasets\.t\.adapter: found null"):
        dataset_config({"datasets": {"t": {}}}, "t")


def test_imports_stay_light():
    code = (
        "import sys, facewave.config.check, facewave.datasets.load\n"
        "import facewave.datasets.adapters.table\n"
        "heavy = {'jsonschema', 'yaml', 'difflib', 'pyarrow', 'numpy', 'snakemake'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


class TestExtent:
    def bomb(self):
        value = ["x"] * 10
        for _ in range(12):
            value = [value] * 10
        return value

    def loop(self):
        value = {}
        value["again"] = value
        return value

    def deep(self):
        value = []
        for _ in range(50):
            value = [value]
        return value

    @pytest.mark.parametrize("kind", ["bomb", "loop", "deep"])
    def test_aliases_that_repeat_each_other_are_refused(self, kind):
        with pytest.raises(ConfigError, match=r"enabled: nested more than 32 levels"):
            check_config({"enabled": getattr(self, kind)()})

    def test_many_values_are_none_of_them(self):
        with pytest.raises(ConfigError, match="classes"):
            check_config({"classes": [f"class_{i}" for i in range(5000)] + ["class_1"]})
