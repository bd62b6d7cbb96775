"""The clips of a dataset: those of the demo."""

import pytest

from facewave.config.check import dataset_config
from facewave.datasets.load import load_clips
from facewave.demo.recipe import demo_clips, recipe_fingerprint
from facewave.manifest.clips import ManifestError
from tests.datasets.dataset_rows import CLASSES


def test_demo_clips(tmp_path):
    options = dataset_config({"classes": CLASSES}, "demo")
    loaded = load_clips("demo", options, classes=CLASSES, seed=7, demo_root=tmp_path / "none")
    recipe = demo_clips(subjects=6, takes=2, classes=CLASSES)
    assert [clip.clip_id for clip in loaded] == [clip.clip_id for clip in recipe]
    assert [clip.actual for clip in loaded] == [clip.label for clip in recipe]
    assert [clip.subject for clip in loaded] == [clip.subject for clip in recipe]
    first = loaded[0]
    assert first.file_path == f"{tmp_path}/none/{recipe[0].relative_path}"
    assert first.fingerprint == recipe_fingerprint(first.clip_id, size=256, fps=25, seed=7)
    assert (first.take, first.label, first.video_idx, first.missing) == (
        f"{recipe[0].label}_{recipe[0].take}",
        0,
        0,
        False,
    )


def test_demo_fingerprint_depends_on_the_seed(tmp_path):
    options = dataset_config({}, "demo")
    one, other = (
        load_clips("demo", options, classes=CLASSES, seed=seed, demo_root=tmp_path)
        for seed in (1, 2)
    )
    assert one[0].fingerprint != other[0].fingerprint


def test_demo_cannot_show_every_class(tmp_path):
    options = dataset_config({}, "demo")
    with pytest.raises(ManifestError, match=r"(?s)bored.*class list of its own"):
        load_clips("demo", options, classes=["happy", "bored"], seed=1, demo_root=tmp_path)
