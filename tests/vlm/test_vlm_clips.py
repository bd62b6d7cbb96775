"""What a model is shown of a clip: rows of all parts, controls, texts, targets."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.vlm.fine_tuning.clips import example, others, read_clips
from facewave.vlm.fine_tuning.targets import TargetsError, chosen_targets
from tests.splits.split_files import CLASSES, toy, write_split

# As in tests/splits/split_files.py: two coefficients of a few landmarks and blendshapes.
PARTS = {"train": 12, "val": 5, "test": 7}


@pytest.fixture
def splits(tmp_path):
    return {
        part: write_split(tmp_path / f"{part}.parquet", toy(count, seed=number, invalid=1))
        for number, (part, count) in enumerate(PARTS.items())
    }


def test_rows_count_through_all_parts(splits):
    clips = read_clips(splits, shuffle_faces=False, seed=1)
    assert [clips.rows(part).tolist() for part in PARTS] == [
        *(list(range(12)), list(range(12, 17)), list(range(17, 24)))
    ]
    assert clips.clip_ids[12] == "s1_000"
    assert clips.labels[13] == 1
    assert clips.valid.tolist().count(False) == 3
    shown = example(clips, 18, pictures=None)
    assert (shown.clip_id, shown.label, shown.valid) == ("s2_001", 1, True)
    assert shown.landmarks.shape == (2, 3, 2)
    table = clips.tables["test"]
    np.testing.assert_array_equal(shown.blendshapes.ravel(), table.groups["blendshapes"][1])
    with pytest.raises(IndexError):
        clips.place(24)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.integers(0, 5))
def test_shuffled_faces_are_others(count, seed):
    chosen = others(count, seed=[seed, 0])
    assert sorted(chosen.tolist()) == list(range(count))
    assert (chosen != np.arange(count)).all()
    assert chosen.tolist() == others(count, seed=[seed, 0]).tolist()


def test_a_shuffled_face_stays_in_its_part_and_takes_its_validity_along(splits):
    clips = read_clips(splits, shuffle_faces=True, seed=1)
    for part in PARTS:
        rows = clips.rows(part)
        assert sorted(clips.faces[rows].tolist()) == rows.tolist()
    for row in range(24):
        shown = example(clips, row, pictures=None)
        face_table, place = clips.place(int(clips.faces[row]))
        assert shown.clip_id == clips.clip_ids[row]
        assert shown.label == clips.labels[row]
        assert shown.valid == face_table.valid[place]
        np.testing.assert_array_equal(
            shown.landmarks.ravel(), face_table.groups["landmarks"][place]
        )
    assert example(clips, 0, pictures=None).clip_id == "s0_000"


def test_texts_and_targets_come_with_their_clip(splits):
    clips = read_clips(
        splits,
        shuffle_faces=False,
        seed=1,
        texts={"s0_003": "a word"},
        targets={"s0_003": (1.5, -2.0)},
    )
    shown = example(clips, 3, pictures=lambda clip_id: np.zeros((1, 4, 4, 3), np.uint8))
    assert (shown.text, shown.target, shown.label) == ("a word", (1.5, -2.0), None)
    assert shown.frames.shape == (1, 4, 4, 3)
    cached = example(clips, 3, pictures=lambda clip_id: torch.zeros(1, 16, 24))
    assert cached.frames is None
    assert cached.image_features.shape == (1, 16, 24)
    assert example(clips, 4, pictures=None).text is None
    assert clips.tables["train"].classes == CLASSES


# Targets


def test_which_targets_are_predicted():
    section = {"head": "regression", "targets": None}
    known = ["arousal", "valence"]
    assert chosen_targets(section, known, dataset="d") == ("arousal", "valence")
    section["targets"] = {"columns": ["valence"], "loss": "mse"}
    assert chosen_targets(section, known, dataset="d") == ("valence",)
    assert chosen_targets({**section, "head": "linear"}, [], dataset="d") == ()
    with pytest.raises(
        TargetsError, match=r"clips of d have no targets; .*datasets\.d\.targets: {"
    ):
        chosen_targets(section, [], dataset="d")
    section["targets"] = {"columns": ["valense"]}
    with pytest.raises(TargetsError, match=r"target of d \(arousal, valence\).* mean 'valence'"):
        chosen_targets(section, known, dataset="d")
