"""Which frames are shown, and that they are the right ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.face.canonical_mesh import canonical_face
from facewave.tracking.trajectory import open_trajectory
from facewave.vlm.inputs.frames import choose_frames, facial_motion, motion
from tests.tracking.track_shards import write_track_shard


def seen(*pattern):
    return np.array(pattern, bool)


@given(st.integers(1, 300), st.integers(1, 20), st.sampled_from(["uniform", "motion"]))
def test_as_many_frames_as_wanted_in_order(frames, count, choice):
    moving = np.random.default_rng(frames).random(frames).astype(np.float32)
    chosen = choose_frames(np.ones(frames, bool), count=count, choice=choice, moving=moving)
    assert len(chosen) == count
    assert chosen == sorted(chosen)
    assert 0 <= chosen[0] <= chosen[-1] < frames
    if frames >= count:
        assert len(set(chosen)) == count


def test_uniform_frames_are_spread_over_those_with_the_face():
    assert choose_frames(np.ones(9, bool), count=1) == [4]
    assert choose_frames(np.ones(1, bool), count=3) == [0, 0, 0]
    face = seen(0, 0, 0, 0, 1, 1, 1, 0, 1, 1)
    assert choose_frames(face, count=1) == [6]
    assert choose_frames(face, count=2) == [5, 8]
    assert choose_frames(seen(0, 0, 0), count=1) == [1]


def test_motion_frames_are_the_fastest_of_each_part():
    moving = np.array([0, 5, 1, 0, 0, 1, 0, 9, np.nan, np.nan], np.float32)
    face = np.isfinite(moving)
    assert choose_frames(face, count=1, choice="motion", moving=moving) == [7]
    assert choose_frames(face, count=2, choice="motion", moving=moving) == [1, 7]
    # Of the last fifth nothing is known: its middle.
    assert choose_frames(face, count=5, choice="motion", moving=moving) == [1, 2, 5, 7, 9]


@pytest.mark.parametrize(
    ("frames", "wanted", "message"),
    [
        (0, {}, "no frames to choose from"),
        (5, {"choice": "best"}, "found 'best', expected one of uniform, motion"),
        (5, {"choice": "motion"}, "needs as many values of motion; there are none"),
        (5, {"choice": "motion", "moving": np.ones(4, np.float32)}, "there are 4"),
    ],
)
def test_choices_that_cannot_be_made_are_refused(frames, wanted, message):
    with pytest.raises(ValueError, match=message):
        choose_frames(np.ones(frames, bool), count=1, **wanted)


def test_motion_is_in_units_a_second():
    points = np.zeros((30, 4, 3), np.float32)
    points[:, :, 0] = np.arange(30)[:, None] * 0.1
    np.testing.assert_allclose(motion(points, fps=25.0), 2.5, rtol=1e-5)


def test_motion_next_to_a_gap_is_that_of_the_known_side():
    points = np.cumsum(np.ones((6, 1, 3), np.float32), axis=0)
    points[3] = np.nan
    speeds = motion(points, fps=1.0)
    known = [True, True, True, False, True, True]
    assert np.isfinite(speeds).tolist() == known
    np.testing.assert_allclose(speeds[known], np.sqrt(3.0), rtol=1e-6)
    assert np.isnan(motion(points[:1], fps=25.0)).all()


def track_shard(path, *, frames=40, opens=25, detected=None):
    """A head that drifts and comes nearer all the time, and whose chin drops once."""
    face = canonical_face()
    still = np.zeros((478, 3))
    still[:468] = face.points * [1, -1, -1] / 60 + [0.4, 0.5, 0]
    points = np.stack([still] * frames)
    chin = (face.weights == 0) & (face.points[:, 1] < -4)
    points[opens:, np.flatnonzero(chin), 1] += 0.01
    drift = np.linspace(0, 0.3, frames)[:, None]
    points = points * (1 + drift[..., None]) + drift[..., None]
    found = np.ones(frames, bool) if detected is None else detected
    write_track_shard(path, found, arrays={"landmarks": points}, width=100, height=100)
    return open_trajectory(path)


def test_head_motion_is_no_facial_motion(tmp_path):
    speeds = facial_motion(track_shard(tmp_path / "a.npz"))
    assert len(speeds) == 40
    assert 22 <= int(np.argmax(speeds)) <= 27
    assert np.median(speeds) < 0.1 * speeds.max()
    with_head = facial_motion(open_trajectory(tmp_path / "a.npz"), align="none")
    assert np.median(with_head) > 0.1 * with_head.max()


def test_a_clip_without_a_face_has_no_known_motion(tmp_path):
    clip = track_shard(tmp_path / "a.npz", detected=np.zeros(40, bool))
    speeds = facial_motion(clip)
    assert np.isnan(speeds).all()
    assert choose_frames(clip.detected, count=1, choice="motion", moving=speeds) == [20]
