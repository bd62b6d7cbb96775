"""Real pictures for the trees of `release_trees`: each clip a face at a place of its own."""

import re
import tempfile
from functools import cache
from pathlib import Path

import cv2

from tests.datasets.release_trees import JPEG
from tests.video.media import face_frames, write_video

FRAMES = 12
_CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".flv": "\x02\0\0\0"}  # FFmpeg's own tag of FLV1


@cache
def frames(number):
    """Return the frames of a clip; another number gives other bytes."""
    centre = (86 + 1.5 * (number % 8), 90 + 1.5 * (number // 8))
    return list(face_frames(FRAMES, width=184, centre=centre))


@cache
def video(number, suffix):
    """Return the bytes of a clip's file: the same for every tree."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"clip{suffix}"
        return write_video(path, frames(number), codec=_CODECS[suffix]).read_bytes()


def fill(root, *, numbered=True):
    """Put clips into the files and folders of frames of a tree.

    Args:
        root: of the tree.
        numbered: whether the clips' names are numbers: the same number is then the same clip in
            every tree. Without, clips are counted in the order of their paths.
    """
    videos = [path for path in sorted(root.rglob("*")) if path.suffix in _CODECS]
    folders = sorted({path.parent for path in root.rglob("*.jpg")})
    for count, path in enumerate([*videos, *folders], start=1):
        number = int(re.search("[0-9]+", path.stem)[0]) if numbered else count
        if path.suffix in _CODECS:
            path.write_bytes(video(number, path.suffix))
        else:
            _put_frames(path, number)
    return root


def _put_frames(folder, number):
    for path in folder.glob("*.jpg"):
        assert path.read_bytes() == JPEG
        path.unlink()
    for index, picture in enumerate(frames(number), start=1):
        cv2.imwrite(str(folder / f"{index}.jpg"), picture)
