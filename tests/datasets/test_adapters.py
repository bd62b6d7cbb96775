"""Adapters are found by their file's name; the recipe for a new one works as it stands."""

import textwrap

import facewave.datasets
from facewave.datasets.adapters import ADAPTERS, adapter
from facewave.datasets.build_clips import build_clips
from tests.datasets.release_trees import put


def test_every_file_is_an_adapter():
    assert {"demo", "table", "dfew", "own"} <= set(ADAPTERS)
    assert all(callable(adapter(name).load) for name in ADAPTERS)


def test_the_recipe_for_a_new_one(tmp_path):
    recipe = facewave.datasets.__doc__
    found = {}
    exec(textwrap.dedent(recipe.partition("::\n")[2].partition("\n2. ")[0]), found)
    put(tmp_path / "x" / "s01_happy_2.mp4")
    put(tmp_path / "s02_glad_1.mp4")
    classes = ["sad", "happy"]
    rows = found["load"]({"class_map": {"glad": "happy"}}, classes=classes, root=tmp_path)
    clips = build_clips(rows, classes=classes, root=tmp_path)
    assert [(clip.clip_id, clip.actual, clip.subject, clip.take) for clip in clips] == [
        ("s02_glad_1", "happy", "s02", "1"),
        ("s01_happy_2", "happy", "s01", "2"),
    ]
