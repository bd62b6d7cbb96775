"""`~` and `$VAR` in the paths of a configuration, and nowhere else."""

import pytest

from facewave.config.check import check_config
from facewave.config.errors import ConfigError

TABLE = {"adapter": "table", "root": "$DATA/mine", "table": "~/labels.csv"}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("DATA", "/mnt/data")
    monkeypatch.delenv("NOWHERE", raising=False)


def problems(config):
    with pytest.raises(ConfigError) as caught:
        check_config(config)
    return caught.value.problems


def test_every_kind_of_path_is_expanded():
    targets = {"table": "${DATA}/scores.csv", "columns": ["valence"]}
    folders = {"adapter": "folders", "root": "~", "targets": targets, "texts": {"from": "~/t.csv"}}
    config = check_config(
        {
            "results": "~/out",
            "root": "$DATA",
            "landmarker": {"model": "~/face.task"},
            "vlm": {"model": "$DATA/gemma"},
            "zero_shot": {"models": {"qwen": {"model": "~/qwen"}}, "enabled": ["qwen"]},
            "datasets": {"a": TABLE, "b": folders},
            "enabled": ["a"],
        }
    )
    assert (config["results"], config["root"]) == ("/home/me/out", "/mnt/data")
    assert config["landmarker"]["model"] == "/home/me/face.task"
    assert config["vlm"]["model"] == "/mnt/data/gemma"
    assert config["zero_shot"]["models"]["qwen"]["model"] == "/home/me/qwen"
    one, other = config["datasets"]["a"], config["datasets"]["b"]
    assert (one["root"], one["table"]) == ("/mnt/data/mine", "/home/me/labels.csv")
    assert (other["root"], other["texts"]["from"]) == ("/home/me", "/home/me/t.csv")
    assert other["targets"]["table"] == "/mnt/data/scores.csv"


def test_what_is_no_path_stays():
    folders = {"adapter": "folders", "root": "x", "pattern": r"(?P<subject>\w+)$"}
    config = check_config({"datasets": {"a": folders}, "enabled": ["a"]})
    assert config["datasets"]["a"]["pattern"] == r"(?P<subject>\w+)$"


def test_a_dollar_sign_and_a_tilde_of_a_name():
    assert check_config({"results": "a$$b"})["results"] == "a$b"
    assert check_config({"results": "./~"})["results"] == "./~"
    assert check_config({"results": "a~/b"})["results"] == "a~/b"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("$NOWHERE/out", "undefined variable NOWHERE"),
        ("${NOWHERE}", "undefined variable NOWHERE"),
        ("a$", "$NAME or"),
        ("~nobody_of_this_name/out", "home folder that exists"),
    ],
)
def test_what_cannot_be_expanded_is_refused_by_its_key(path, words):
    (line,) = [line for line in problems({"results": path}) if "braces" not in line]
    assert line.startswith("results: found ")
    assert words in line


def test_all_problems_are_named_at_once():
    datasets = {"a": {**TABLE, "root": "$NOWHERE"}}
    lines = problems({"results": "$NOWHERE", "datasets": datasets, "enabled": ["a"]})
    assert [line.partition(":")[0] for line in lines] == ["results", "datasets.a.root"]
