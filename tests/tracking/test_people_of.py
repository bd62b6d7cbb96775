"""Everybody in a clip: numbers, shares, boxes, ghosts, and one trajectory for each."""

import numpy as np
import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.tracking.trajectory import open_trajectory, people_of
from tests.tracking.track_shards import write_people_shard

LEFT, RIGHT = (0.1, 0.2, 0.3, 0.6), (0.6, 0.2, 0.8, 0.6)
SPAN = (400, 2000)


@pytest.fixture
def shard(tmp_path):
    """Two people for 3 s; the second is covered in frames 20 to 39. Person 2 is a flash."""
    seen = np.ones((3, 75), bool)
    seen[1, 20:40] = False
    seen[2] = np.arange(75) == 60
    return write_people_shard(
        tmp_path / "t.npz", seen, [LEFT, RIGHT, (0.4, 0.4, 0.5, 0.5)], lively=(0, 1)
    )


def test_a_whole_video(shard):
    one, two, flash = people_of(shard)
    assert [p.number for p in (one, two, flash)] == [0, 1, 2]
    assert (one.frames, one.share, one.first_ms, one.last_ms) == (75, 1.0, 0, 2960)
    assert (two.frames, two.share) == (55, 55 / 75)
    assert two.box == pytest.approx(RIGHT)
    assert [p.likely_ghost for p in (one, two, flash)] == [False, False, True]
    assert [p.primary for p in (one, two, flash)] == [False, True, False]


def test_a_span(shard):
    one, two = people_of(shard, SPAN)
    assert (one.frames, two.frames) == (40, 20)
    assert (two.first_ms, two.last_ms, two.share) == (400, 1960, 0.5)
    assert people_of(shard, (9000, 9900)) == []


def test_each_has_a_trajectory(shard):
    followed = open_trajectory(shard, span_ms=SPAN)
    assert followed.rows.tolist() == open_trajectory(shard, span_ms=SPAN, person=1).rows.tolist()
    alone = open_trajectory(shard, span_ms=SPAN, person=0)
    assert alone.detected.all()
    (boxes,) = alone.iter("box")
    np.testing.assert_allclose(boxes, np.tile(np.float32(LEFT), (40, 1)))
    assert (alone.changes, alone.cuts) == (0, 0)
    absent = open_trajectory(shard, span_ms=SPAN, person=2)
    assert not absent.detected.any()
    assert len(absent) == 40
    with pytest.raises(ValueError, match=r"no person 3; there are 0, 1, 2 "):
        open_trajectory(shard, person=3)


def test_a_change_of_person_is_none_in_the_trajectory_of_one(tmp_path):
    seen = np.array([np.arange(20) < 10, np.arange(20) >= 10])
    shard = write_people_shard(tmp_path / "t.npz", seen, [LEFT, LEFT], cuts=[10, 15])
    assert open_trajectory(shard).changes == 1
    assert [open_trajectory(shard, person=p).changes for p in (0, 1)] == [0, 0]
    assert [open_trajectory(shard, person=p).cuts for p in (0, 1)] == [0, 1]


@pytest.mark.parametrize(("frames", "ghost"), [(24, False), (26, True), (75, True)])
def test_a_poster_is_judged_after_a_second(tmp_path, frames, ghost):
    seen = np.array([np.arange(75) >= 0, np.arange(75) < frames])
    shard = write_people_shard(tmp_path / "t.npz", seen, [LEFT, RIGHT], lively=(0,))
    assert [p.likely_ghost for p in people_of(shard)] == [False, ghost]
    # In every clip of the video, even where nobody else moves.
    if frames == 75:
        assert [p.likely_ghost for p in people_of(shard, (0, 80))] == [False, True]
    still = write_people_shard(tmp_path / "s.npz", seen, [LEFT, RIGHT])
    assert not any(p.likely_ghost for p in people_of(still))


@pytest.mark.parametrize(
    ("copied", "frames", "ghost"), [(1, 60, True), (0, 60, False), (1, 45, False)]
)
def test_a_reflection(tmp_path, copied, frames, ghost):
    """It makes the larger face's expressions, left and right swapped, for two seconds or more."""
    count = 75
    lively = np.random.default_rng(3).random((count, 52), np.float32)
    own = np.random.default_rng(4).random((count, 52), np.float32)
    swapped = [BLENDSHAPES.index(_other_side(name)) for name in BLENDSHAPES]
    seen = np.array([np.ones(count, bool), np.arange(count) < frames])
    boxes = [(0.1, 0.2, 0.3, 0.6), (0.6, 0.2, 0.7, 0.4)]
    shown = np.stack([lively, lively[:, swapped] if copied else own])
    shard = write_people_shard(tmp_path / "t.npz", seen, boxes, blendshapes=shown)
    assert [p.likely_ghost for p in people_of(shard)] == [False, ghost]


def _other_side(name):
    for one, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name
