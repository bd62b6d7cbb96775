"""Subsets: stratified, seeded, nested."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.manifest.clips import Clip
from facewave.manifest.subsets import choose_subset

quick = settings(max_examples=60, deadline=None)
labels = st.lists(st.integers(0, 4), min_size=1, max_size=80)


def clips_of(labels):
    return [Clip(f"c{i}", f"c{i}.mp4", i, label, str(label)) for i, label in enumerate(labels)]


def ids(clips):
    return [clip.clip_id for clip in clips]


@quick
@given(labels, st.integers(1, 90), st.integers(1, 90), st.integers(0, 9))
def test_nested_in_order_and_of_the_size_asked_for(labels, one, other, seed):
    clips = clips_of(labels)
    small, large = sorted((one, other))
    few, more = (choose_subset(clips, count, seed=seed) for count in (small, large))
    assert set(ids(few)) <= set(ids(more)) <= set(ids(clips))
    assert len(few) == min(small, len(clips))
    assert ids(more) == [name for name in ids(clips) if name in set(ids(more))]
    assert [clip.video_idx for clip in few] == list(range(len(few)))


@quick
@given(labels, st.floats(0.01, 0.99))
def test_every_class_has_its_share(labels, share):
    chosen = Counter(clip.label for clip in choose_subset(clips_of(labels), share, seed=1))
    count = max(1, round(share * len(labels)))
    for label, size in Counter(labels).items():
        assert abs(chosen[label] - size * count / len(labels)) <= 2


def test_shares_and_counts():
    clips = clips_of([0] * 900 + [1] * 90 + [2] * 10)
    assert choose_subset(clips, None, seed=1) == clips
    assert choose_subset(clips, 5000, seed=1) == clips
    tenth = choose_subset(clips, 0.1, seed=1)
    assert Counter(clip.label for clip in tenth) == {0: 90, 1: 9, 2: 1}
    assert set(ids(tenth)) < set(ids(choose_subset(clips, 0.2, seed=1)))
    assert len(choose_subset(clips, 1, seed=1)) == 1
    assert len(choose_subset(clips[:3], 0.01, seed=1)) == 1


def test_the_seed_decides():
    clips = clips_of([0, 1] * 50)
    one, same, other = (ids(choose_subset(clips, 0.3, seed=seed)) for seed in (1, 1, 2))
    assert one == same != other


def test_a_new_clip_moves_few_others():
    clips = clips_of([0, 1] * 200)
    before = set(ids(choose_subset(clips, 100, seed=1)))
    after = set(ids(choose_subset([*clips, Clip("new", "new.mp4", 400, 0, "0")], 100, seed=1)))
    assert len(before - after) <= 2


def test_stays_the_same():
    # Another choice would move clips in and out of published subsets.
    assert ids(choose_subset(clips_of([0, 1, 1, 2] * 3), 4, seed=2024)) == FROZEN


FROZEN = ["c2", "c4", "c6", "c11"]


@pytest.mark.parametrize("subset", [0.3, 5])
def test_through_the_adapters(tmp_path, subset):
    from tests.datasets import release_trees as trees

    clips = trees.read("mafw", trees.mafw(tmp_path), subset=subset)
    assert len(clips) == (10 if subset == 0.3 else 5)
    everything = {clip.clip_id: clip.actual for clip in trees.read("mafw", tmp_path)}
    assert all(everything[clip.clip_id] == clip.actual for clip in clips)
