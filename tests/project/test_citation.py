"""What says how to cite facewave says the same everywhere."""

import json
import tomllib
from pathlib import Path

import yaml

from facewave import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
CODEMETA = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))


def test_version_and_name():
    assert CODEMETA["version"] == CITATION["version"] == __version__
    assert CODEMETA["name"] == PROJECT["name"] == CITATION["title"].partition(":")[0]
    assert CODEMETA["description"] == PROJECT["description"]
    assert CITATION["title"].partition(": a ")[2] in CODEMETA["description"]


def test_licence():
    assert CODEMETA["license"] == f"https://spdx.org/licenses/{PROJECT['license']}"
    assert CITATION["license"] == PROJECT["license"]
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith(PROJECT["license"])


def test_authors_and_keywords():
    assert [a["name"] for a in CODEMETA["author"]] == [a["name"] for a in CITATION["authors"]]
    assert CODEMETA["keywords"] == CITATION["keywords"]
    assert CODEMETA["runtimePlatform"] == f"Python {PROJECT['requires-python']}"
