"""Face crops: which frames, where the eyes are, what lies in the folder."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.store import DroppedIndexError, shard_path
from facewave.storage.tables import format_rows, iter_rows
from facewave.tracking.face_crops import (
    CROP_COLUMNS,
    CropOptions,
    chosen_frames,
    crop_bucket,
    crop_face,
    crop_matrix,
    make_grid,
)
from facewave.tracking.track_index import TRACK_COLUMNS
from tests.tracking.track_shards import write_track_shard
from tests.video.media import face_frames, write_video

CORNERS = [33, 133, 362, 263, 61, 291]
# Corners of a face that is looked at from the front, and its mouth, in units of 0.1.
FACE = np.array([[-0.7, 0], [-0.3, 0], [0.3, 0], [0.7, 0], [-0.3, 1], [0.3, 1]])


def landmarks(*, centre=(0.5, 0.4), roll=0.0, size=0.1, aspect=1.0):
    """Return landmarks (478, 3) of a face turned by `roll` in an image `aspect` times as wide."""
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    points = np.zeros((478, 3), np.float32)
    points[CORNERS, :2] = size * FACE @ turn.T / [aspect, 1] + centre
    return points


@given(
    roll=st.floats(-3, 3),
    size=st.floats(0.01, 0.5),
    x=st.floats(0, 1),
    y=st.floats(0, 1),
    wide=st.floats(0.5, 2),
)
def test_eyes_are_level_and_at_one_place(roll, size, x, y, wide):
    points = landmarks(centre=(x, y), roll=roll, size=size, aspect=wide)
    matrix = crop_matrix(points, width=round(480 * wide), height=480, size=100)
    pixels = points[CORNERS, :2] * [round(480 * wide), 480]
    eyes = (pixels @ matrix[:, :2].T + matrix[:, 2])[:4].reshape(2, 2, 2).mean(axis=1)
    np.testing.assert_allclose(eyes.mean(axis=0), [50, 40], atol=0.01)
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=0.2)
    assert eyes[0, 0] < eyes[1, 0]
    assert np.linalg.norm(matrix[:, 0]) == pytest.approx(np.linalg.norm(matrix[:, 1]))


@pytest.mark.parametrize("side", [200, 1600])
def test_pixels_go_where_the_matrix_says(side):
    points = landmarks(roll=0.4)
    frame = np.zeros((side, side, 3), np.uint8)
    for x, y in points[CORNERS[:4], :2]:
        place = (round(float(x) * side), round(float(y) * side))
        cv2.circle(frame, place, side // 66, (255, 255, 255), -1)
    crop = crop_face(frame, points, size=100)
    rows, columns = np.nonzero(crop[:, :, 0] > 100)
    assert crop.shape == (100, 100, 3)
    assert (rows.mean(), columns.mean()) == pytest.approx((40, 50), abs=1)


def test_a_head_turned_aside_keeps_its_size():
    front, turned = landmarks(), landmarks()
    turned[CORNERS, 0] = (turned[CORNERS, 0] - 0.5) * 0.3 + 0.5
    options = {"width": 400, "height": 400, "size": 100}
    scales = [np.linalg.norm(crop_matrix(p, **options)[:, 0]) for p in (front, turned)]
    assert scales[1] == pytest.approx(scales[0], rel=0.1)


def test_frames_are_spread_over_those_with_the_face():
    assert chosen_frames(np.ones(90, bool), 3) == [15, 45, 75]
    assert chosen_frames(np.repeat([False, True, False], 10), 2) == [12, 17]
    assert chosen_frames(np.array([True, False, True]), 9) == [0, 2]
    assert chosen_frames(np.zeros(5, bool), 3) == []


def test_grid_is_filled_row_by_row():
    crops = [np.full((2, 2, 3), value, np.uint8) for value in (1, 2, 3)]
    grid = make_grid(crops, count=5)
    assert grid[::2, ::2, 0].tolist() == [[1, 2, 3], [0, 0, 0]]


class Bucket:
    """A bucket of one clip of 12 frames that shows a face in frames 2 to 11."""

    def __init__(self, folder, *, detected=range(2, 12), span_ms=None, step=1):
        self.folder = folder
        video = write_video(folder / "c.mp4", face_frames(12))
        rows = [KeyRow("c", str(video), "f", None, span_ms)]
        write_text(folder / "keys.tsv", key_file_text(rows, options={}))
        found = np.isin(np.arange(0, 12, step), list(detected))
        points = np.repeat(landmarks()[np.newaxis], len(found), axis=0)
        self.shard = shard_path(folder / "store", "tracks", "ab" * 32)
        times = np.arange(0, 480, 40 * step)
        write_track_shard(self.shard, found, arrays={"landmarks": points}, times=times)
        track = dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": "c", "key": "ab" * 32}
        write_text(folder / "tracks.tsv", format_rows(TRACK_COLUMNS, [track]))

    def crop(self, **options):
        crop_bucket(
            self.folder / "keys.tsv",
            self.folder / "tracks.tsv",
            index=self.folder / "crops.tsv",
            folder=self.folder / "crops",
            store=self.folder / "store",
            options=CropOptions(**{"size": 48, "frames": 4, **options}),
            default_fps=25,
        )
        (row,) = iter_rows(self.folder / "crops.tsv", CROP_COLUMNS)
        return row, {path.name: path for path in (self.folder / "crops").glob("*")}


def test_a_picture_is_made_once_and_is_the_same_again(tmp_path):
    bucket = Bucket(tmp_path)
    row, files = bucket.crop()
    assert (row["clip_id"], row["frames"], row["reason"]) == ("c", "3 5 8 10", "")
    assert [row["pictures"]] == list(files)
    path = files[row["pictures"]]
    assert cv2.imread(str(path)).shape == (96, 96, 3)
    before, stamp = path.read_bytes(), path.stat().st_mtime_ns
    bucket.crop()
    assert path.stat().st_mtime_ns == stamp
    path.unlink()
    bucket.crop()
    assert path.read_bytes() == before


def test_frames_one_by_one_replace_the_grid(tmp_path):
    bucket = Bucket(tmp_path)
    grid, _ = bucket.crop()
    row, files = bucket.crop(mode="frames")
    assert sorted(files) == row["pictures"].split()
    assert len(files) == 4
    assert grid["pictures"] not in files
    assert cv2.imread(str(files[row["pictures"].split()[0]])).shape == (48, 48, 3)


def test_frames_of_a_segment_count_from_its_start(tmp_path):
    whole, files = Bucket(tmp_path).crop(mode="frames", frames=1)
    picture = next(iter(files.values())).read_bytes()
    (tmp_path / "b").mkdir()
    segment = Bucket(tmp_path / "b", detected=[7], span_ms=(160, 480))
    row, files = segment.crop(mode="frames", frames=1)
    assert (whole["frames"], row["frames"]) == ("7", "3")
    assert next(iter(files.values())).read_bytes() == picture


def test_frames_of_a_thinned_track_are_those_that_were_tracked(tmp_path):
    whole = Bucket(tmp_path, detected=[8])
    _, files = whole.crop(mode="frames", frames=1)
    picture = next(iter(files.values())).read_bytes()
    (tmp_path / "b").mkdir()
    # Of frames 0, 4 and 8 the third has the face: it is the third of the track.
    row, files = Bucket(tmp_path / "b", detected=[8], step=4).crop(mode="frames", frames=1)
    assert row["frames"] == "2"
    assert next(iter(files.values())).read_bytes() == picture


def test_clips_without_a_picture_say_why(tmp_path):
    row, files = Bucket(tmp_path, detected=[]).crop()
    assert (row["pictures"], row["reason"], files) == ("", "no face was found", {})
    bucket = Bucket(tmp_path)
    write_video(tmp_path / "c.mp4", face_frames(5))
    assert "not the video that was tracked" in bucket.crop()[0]["reason"]
    (tmp_path / "c.mp4").write_bytes(b"nothing")
    assert "it is not a video file" in bucket.crop()[0]["reason"]
    bucket.shard.write_bytes(b"")
    with pytest.raises(DroppedIndexError, match=r"clip c: .*abab.*same command again"):
        bucket.crop()
    assert not (tmp_path / "tracks.tsv").exists()
