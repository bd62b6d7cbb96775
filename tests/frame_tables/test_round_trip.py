"""Tables with points, read back by the adapter of tables, give the features of the video."""

import numpy as np
import pytest

from facewave.features.encode_clip import encode_clip
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.frame_tables.export_bucket import frame_columns
from facewave.frame_tables.options import FrameTableOptions
from facewave.frame_tables.write import write_frames
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.storage.store import read_shard
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_table import write_table_track
from facewave.tracking.track_video import TrackJob, track_video
from facewave.tracking.trajectory import open_trajectory
from tests.frame_tables.posed_face import in_space, landmarks, write_faces


def read_back(clip, folder, *, points, suffix=".csv"):
    """Return the trajectory of the table that a clip is written to."""
    columns, _ = frame_columns(clip, FrameTableOptions(points=points))
    write_frames(folder / f"table{suffix}", columns, metadata={})
    rows = LandmarkTable(folder / f"table{suffix}", TrackTable()).rows(None)
    shard = folder / "again.npz"
    write_table_track(rows, shard, options=TrackTable(), fps=25, provenance={"table": ""})
    return open_trajectory(shard)


def features(clip, folder, *, align="transform", head_pose=True):
    judged = encode_clip(
        clip,
        folder / "features.npz",
        wavelet=WaveletOptions(energy=True),
        quality=QualityOptions(max_gap_frames=None, min_detection_ratio=0.5),
        provenance={},
        face=FaceOptions(align=align, head_pose=head_pose),
    )
    assert judged.valid, judged.reason
    return read_shard(folder / "features.npz")[0]


def assert_same(ones, others):
    assert ones.keys() == others.keys()
    for name, values in ones.items():
        other = others[name]
        if name.endswith("_energy"):  # in centimetres, degrees or score, as all others
            values, other = np.exp(values), np.exp(other)
        np.testing.assert_allclose(other, values, rtol=0, atol=1e-5, err_msg=name)


@pytest.fixture
def made_up(tmp_path):
    """A head that nods in 40 frames, four of them without the face, trembling all over."""
    stream = np.random.default_rng(0)
    faces = []
    for turn in np.sin(np.arange(40) / 4):
        points = in_space(np.array([0.2 * turn, 0.3 * turn, 0.1]), np.array([20.0 * turn, 5, 500]))
        faces.append(landmarks(points + stream.normal(0, 0.5, points.shape)))
    detected = ~np.isin(np.arange(40), [0, 7, 8, 39])
    scores = stream.random((40, 52)).astype(np.float32)
    shard = write_faces(tmp_path / "t.npz", faces, detected=detected, blendshapes=scores)
    return open_trajectory(shard)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_made_up_clip_in_pixels(made_up, tmp_path, suffix):
    again = read_back(made_up, tmp_path, points="pixels", suffix=suffix)
    assert again.detected.tolist() == made_up.detected.tolist()
    assert again.timestamp_ms.tolist() == made_up.timestamp_ms.tolist()
    assert (again.width, again.height) == (made_up.width, made_up.height)
    assert_same(features(made_up, tmp_path), features(again, tmp_path))


def test_aligned_points_need_no_alignment(made_up, tmp_path):
    again = read_back(made_up, tmp_path, points="aligned")
    wanted = features(made_up, tmp_path, head_pose=False)
    assert_same(wanted, features(again, tmp_path, align="none", head_pose=False))


def test_a_real_clip_in_pixels(real_clips, landmarker_model, tmp_path):
    video = sorted((real_clips / "java_sed" / "clips").glob("*.mp4"))[0]
    shard = tmp_path / "video.npz"
    track_video(
        TrackJob(
            video_path=video,
            shard=shard,
            model=landmarker_model,
            options=LandmarkerOptions(),
            default_fps=25,
            provenance={},
        )
    )
    clip = open_trajectory(shard)
    again = read_back(clip, tmp_path, points="pixels")
    assert_same(features(clip, tmp_path), features(again, tmp_path))
