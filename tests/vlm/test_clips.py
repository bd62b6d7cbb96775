"""What a model is shown of a clip: rows of all parts and stages, controls, texts, targets."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.versions import VLM_VERSION
from facewave.vlm.fine_tuning.clips import example, others, read_clips, stage_rows
from facewave.vlm.plan import STAGES
from tests.splits.split_files import CLASSES, toy, write_split

# As in tests/splits/split_files.py: two coefficients of a few landmarks and blendshapes.
GROUPS = ("landmarks", "blendshapes")
PARTS = {"train": 12, "val": 5, "test": 7}


@pytest.fixture
def splits(tmp_path):
    return {
        part: write_split(tmp_path / f"{part}.parquet", toy(count, seed=number, invalid=1))
        for number, (part, count) in enumerate(PARTS.items())
    }


def test_rows_count_through_all_parts(splits):
    clips = read_clips(splits, groups=GROUPS, shuffle_faces=False, seed=1)
    assert [clips.rows(part).tolist() for part in PARTS] == [
        *(list(range(12)), list(range(12, 17)), list(range(17, 24)))
    ]
    assert clips.clip_ids[12] == "s1_000"
    assert clips.labels[13] == 1
    assert clips.valid.tolist().count(False) == 3
    shown = example(clips, 18, images=None)
    assert (shown.clip_id, shown.label, shown.valid) == ("s2_001", 1, True)
    assert shown.face["landmarks"].shape == (2, 3, 2)
    table = clips.tables["test"]
    np.testing.assert_array_equal(shown.face["blendshapes"].ravel(), table.groups["blendshapes"][1])
    with pytest.raises(IndexError):
        clips.find(24)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 60), st.integers(0, 5))
def test_shuffled_faces_are_others(count, seed):
    chosen = others(count, seed=[seed, 0])
    assert sorted(chosen.tolist()) == list(range(count))
    assert (chosen != np.arange(count)).all()
    assert chosen.tolist() == others(count, seed=[seed, 0]).tolist()


def test_a_shuffled_face_stays_in_its_part_and_takes_its_validity_along(splits):
    clips = read_clips(splits, groups=GROUPS, shuffle_faces=True, seed=1)
    for part in PARTS:
        rows = clips.rows(part)
        assert sorted(clips.faces[rows].tolist()) == rows.tolist()
    for row in range(24):
        shown = example(clips, row, images=None)
        face_table, number = clips.find(int(clips.faces[row]))
        assert shown.clip_id == clips.clip_ids[row]
        assert shown.label == clips.labels[row]
        assert shown.valid == face_table.valid[number]
        np.testing.assert_array_equal(
            shown.face["landmarks"].ravel(), face_table.groups["landmarks"][number]
        )
    assert example(clips, 0, images=None).clip_id == "s0_000"


def test_texts_and_targets_come_with_their_clip(splits):
    clips = read_clips(
        splits,
        groups=GROUPS,
        shuffle_faces=False,
        seed=1,
        texts={"s0_003": "a word"},
        targets={"s0_003": (1.5, -2.0)},
    )
    shown = example(clips, 3, images=lambda clip_id: np.zeros((1, 4, 4, 3), np.uint8))
    assert (shown.text, shown.target, shown.label) == ("a word", (1.5, -2.0), None)
    assert shown.images.shape == (1, 4, 4, 3)
    cached = example(clips, 3, images=lambda clip_id: torch.zeros(1, 16, 24))
    assert cached.images is None
    assert cached.image_features.shape == (1, 16, 24)
    assert example(clips, 4, images=None).text is None
    assert clips.tables["train"].classes == CLASSES


# Stages


def rows(labels, first, second, seed=1):
    ids = [f"c{i}" for i in range(len(labels))]
    shares = {"adaptation": first, "fine_tuning": second}
    return stage_rows(ids, labels, shares=shares, seed=seed)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=4, max_size=90),
    st.floats(0.05, 0.5),
    st.floats(0.05, 0.5),
    st.integers(0, 5),
)
def test_stages_are_disjoint_and_of_their_size(labels, first, second, seed):
    found = rows(labels, first, second, seed)
    adaptation, tuning = (set(found[stage].tolist()) for stage in STAGES)
    assert not adaptation & tuning
    assert abs(len(adaptation) - first * len(labels)) <= 1
    assert abs(len(tuning) - second * len(labels)) <= 1
    assert found["adaptation"].tolist() == sorted(adaptation)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=20, max_size=90), st.floats(0.05, 0.24))
def test_a_larger_share_keeps_the_clips_of_a_smaller_one(labels, share):
    small, large = rows(labels, share, share), rows(labels, share + 0.2, share + 0.2)
    for stage in STAGES:
        assert set(small[stage].tolist()) <= set(large[stage].tolist())
    # And the share of one stage moves no clip of the other.
    alone = rows(labels, share + 0.2, share)
    assert alone["fine_tuning"].tolist() == small["fine_tuning"].tolist()


def test_every_class_has_its_share_in_both_stages():
    labels = [0] * 60 + [1] * 30 + [2] * 10
    found = rows(labels, 0.3, 0.2)
    for stage, wanted in (("adaptation", (18, 9, 3)), ("fine_tuning", (12, 6, 2))):
        counts = Counter(np.array(labels)[found[stage]].tolist())
        assert all(abs(counts[label] - wanted[label]) <= 1 for label in range(3))


def test_the_seed_decides_and_the_order_of_clips_does_not():
    labels = [0, 1] * 20
    assert rows(labels, 0.3, 0.2)["adaptation"].tolist() != (
        rows(labels, 0.3, 0.2, seed=2)["adaptation"].tolist()
    )
    ids = [f"c{i}" for i in range(40)]
    shares = {"adaptation": 0.3, "fine_tuning": 0.2}
    one = stage_rows(ids, labels, shares=shares, seed=1)["adaptation"]
    other = stage_rows(ids[::-1], labels[::-1], shares=shares, seed=1)["adaptation"]
    assert {ids[row] for row in one} == {ids[::-1][row] for row in other}


def test_too_much_and_too_little_are_refused():
    with pytest.raises(ValueError, match="more than the whole"):
        rows([0, 1] * 10, 0.8, 0.3)
    with pytest.raises(ValueError, match="too few"):
        rows([0], 0.5, 0.5)


def test_the_rows_of_a_stage_stay_as_they_are():
    """Frozen: raise VLM_VERSION where they change."""
    found = rows([0, 1, 2, 0, 1, 2, 0, 1, 0, 0], 0.4, 0.3, seed=5)
    assert VLM_VERSION == 4
    assert found["adaptation"].tolist() == [0, 4, 5, 9]
    assert found["fine_tuning"].tolist() == [2, 6, 7]


# Targets
