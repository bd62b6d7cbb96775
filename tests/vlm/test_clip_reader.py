"""The frames of the workflow's clips, as they were tracked."""

import numpy as np

from facewave.storage.store import shard_path, write_shard
from facewave.video.open import open_video
from facewave.vlm.inputs.clip_reader import ClipReader, Media


def all_frames(path):
    with open_video(path, default_fps=25) as video:
        return np.stack(list(video.frames()))


def test_the_images_of_a_clip_are_the_frames_that_were_tracked(face_clip, tmp_path):
    """Tracked with `landmarker.max_fps` at a third of its rate, the face in the third frame."""
    frames = 12 // 3
    detected = np.arange(frames) == 2
    metadata = {"frames": frames, "detected": 1, "fps": 25 / 3, "frame_step": 3}
    write_shard(shard_path(tmp_path, "tracks", "ab"), {"detected": detected}, metadata)
    media = Media(path=str(face_clip), default_fps=25, segment=None, track_key="ab", frames=frames)
    reader = ClipReader(media={"c": media}, store=tmp_path, count=1, choice="uniform")
    np.testing.assert_array_equal(reader.images("c"), all_frames(face_clip)[[6]])


def test_a_clip_that_could_not_be_tracked_is_grey(tmp_path):
    media = Media(path="none.mp4", default_fps=25, segment=None, track_key="", frames=0)
    reader = ClipReader(media={"c": media}, store=tmp_path, count=2, choice="motion")
    shown = reader.frames("c")
    assert np.unique(shown.images).tolist() == [127]
    assert (len(shown.images), shown.indices, shown.total, shown.fps) == (2, [0, 1], 2, 25)
    assert reader.key_parts("c") == {"content": None, "segment": None, "frames": [], "count": 2}
