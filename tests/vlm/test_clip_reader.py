"""The frames of the workflow's clips, as they were tracked."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from facewave.storage.store import shard_path
from facewave.tracking.face_crops import crop_face
from facewave.tracking.trajectory import open_trajectory
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video
from facewave.vlm.inputs.clip_reader import ClipReader, Media
from facewave.vlm.inputs.kept_frames import square
from tests.features.shards import made_up_faces
from tests.tracking.track_shards import write_track_shard


def all_frames(path):
    with open_video(path, default_fps=25) as video:
        return np.stack([frame.image for frame in video.frames()])


def reader(path, store, *, detected, times, span_ms=None, count=1, **arrays):
    """Return a reader of one clip `c`, tracked at the given times."""
    more = {"arrays": arrays} if arrays else {}
    write_track_shard(shard_path(store, "tracks", "ab"), detected, times=times, **more)
    media = Media(
        path=str(path), default_fps=25, span_ms=span_ms, track_key="ab", frames=len(times)
    )
    return ClipReader(media={"c": media}, store=store, count=count, choice="uniform")


def test_the_images_of_a_clip_are_the_frames_that_were_tracked(face_clip, tmp_path):
    """Tracked with `landmarker.max_fps` at a third of its rate, the face in the third frame."""
    shown = reader(face_clip, tmp_path, detected=np.arange(4) == 2, times=[0, 120, 240, 360])
    np.testing.assert_array_equal(shown.images("c"), all_frames(face_clip)[[6]])


def test_frames_of_a_segment_are_counted_within_it_and_repeated_where_there_are_few(
    face_clip, tmp_path
):
    shown = reader(
        face_clip, tmp_path, detected=[True] * 12, times=range(0, 480, 40), span_ms=(200, 280),
        count=3,
    )  # fmt: skip
    assert shown.indices("c") == [0, 1, 1]
    np.testing.assert_array_equal(shown.images("c"), all_frames(face_clip)[[5, 6, 6]])


def test_frames_of_a_folder(face_clip, tmp_path):
    whole = all_frames(face_clip)
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, frame in enumerate(whole):
        cv2.imwrite(str(folder / f"{index:03d}.png"), frame[..., ::-1])
    times = range(0, 480, 40)
    shown = reader(folder, tmp_path / "s", detected=np.arange(12) > 9, times=times, count=2)
    np.testing.assert_array_equal(shown.images("c"), whole[[10, 11]])


def test_a_video_that_is_not_the_one_that_was_tracked_is_an_error(face_clip, tmp_path):
    shown = reader(face_clip, tmp_path, detected=[True], times=[5000])
    with pytest.raises(UnreadableVideoError, match=r"clip c\): it has no frame at 5\.000 s"):
        shown.images("c")
    gone = reader(tmp_path / "none.mp4", tmp_path, detected=[True], times=[0])
    with pytest.raises(UnreadableVideoError, match="missing"):
        gone.images("c")


def test_a_clip_that_could_not_be_tracked_is_grey(tmp_path):
    media = Media(path="none.mp4", default_fps=25, span_ms=None, track_key="", frames=0)
    reader = ClipReader(media={"c": media}, store=tmp_path, count=2, choice="motion")
    shown = reader.frames("c")
    assert np.unique(shown.images).tolist() == [127]
    assert (len(shown.images), shown.indices, shown.total, shown.fps) == (2, [0, 1], 2, 25)
    assert reader.key_parts("c") == {"content": None, "span_ms": None, "frames": [], "count": 2}


def test_the_face_is_the_crop_of_the_same_frame_and_beside_it_if_wanted(face_clip, tmp_path):
    """A frame without a face is cropped where the face was in the nearest one that shows it."""
    detected = np.array([False, True, False, False])
    faces = made_up_faces(0, 4)
    shown = reader(
        face_clip, tmp_path, detected=detected, times=[0, 120, 240, 360], count=1,
        **faces,
    )  # fmt: skip
    [frame] = shown.images("c")
    shard = open_trajectory(shard_path(tmp_path, "tracks", "ab"))
    [points] = shard.at("landmarks", shard.rows[[1]])
    face = replace(shown, image="face")
    np.testing.assert_array_equal(face.images("c"), [crop_face(frame, points, size=448)])
    beside = replace(shown, image="beside").images("c")
    np.testing.assert_array_equal(beside[0, :, : frame.shape[1]], frame)
    small = crop_face(frame, points, size=len(frame))
    np.testing.assert_array_equal(beside[0, :, frame.shape[1] :], small)
    assert face.key_parts("c") == {**shown.key_parts("c"), "image": "face"}
    later = replace(face, count=2)
    later._chosen["c"] = [1, 3]
    assert later.images("c").shape == (2, 448, 448, 3)


def test_kept_faces_are_not_kept_frames(face_clip, tmp_path):
    shown = replace(
        reader(face_clip, tmp_path, detected=[True] * 2, times=[0, 40]), size=lambda: square(64)
    )
    sizes = [replace(shown, image=image).images("c").shape for image in ("frame", "face", "beside")]
    assert sizes == 3 * [(1, 64, 64, 3)]
    assert len(list((tmp_path / "shown_frames").rglob("*.npz"))) == 3
