"""Folders of frames as clips: DFEW, MAFW and FERV39k also come as images in folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.storage.frame_files import IMAGE_SUFFIXES, frame_names
from facewave.video.decode import UnreadableVideoError, Video, rgb

_NUMBER = re.compile(r"([0-9]+)[^0-9]*$")
_SHOWN = 5


@dataclass
class FrameFolder(Video):
    """A folder of frames, with the interface of a video. `notes` is complete after the last frame.

    Frames of another size than the first are scaled to fit it and padded with black, so that
    normalised coordinates mean the same in every frame. An image that cannot be read is left
    out: it counts as announced, not as decoded.

    Attributes:
        paths: the frames, in natural order.
        notes: oddities in words: holes in the numbering, mixed sizes, unreadable frames.
    """

    paths: list[Path] = field(default_factory=list)

    def restrict(self, first: int, end: int) -> None:
        """Read only the frames from `first` on and before `end`."""
        self.paths, self.frames_announced = self.paths[first:end], end - first

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames that can be read, uint8 (height, width, 3) RGB."""
        unreadable, resized = [], 0
        for path in self.paths[:: self.step]:
            frame = _read(path)
            if frame is None:
                unreadable.append(path.name)
                continue
            if frame.shape[:2] != (self.height, self.width):
                resized += 1
                frame = _fitted(frame, width=self.width, height=self.height)
            self.frames_decoded += 1
            yield rgb(frame, self.max_side)
        if resized:
            size = f"{self.width}x{self.height}"
            self.notes.append(f"{resized} frames of another size than {size}: fitted and padded")
        if unreadable:
            self.notes.append(f"unreadable and left out: {_listed(unreadable)}")


def open_frame_folder(folder: Path, *, fps: float) -> FrameFolder:
    """Return a folder of frames, to be read once, in natural order of the file names.

    Args:
        folder: holds .jpg, .jpeg, .png, .bmp or .webp files; other files are ignored.
        fps: frames per second, which images do not say.

    Raises:
        UnreadableVideoError: if the folder is missing, or none of its images can be read.
    """
    try:
        names = frame_names(folder)
    except OSError as error:
        raise UnreadableVideoError(f"the folder cannot be read: {error.strerror}") from None
    if not names:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise UnreadableVideoError(f"the folder holds no frames ({kinds})")
    paths = [folder / name for name in names]
    first = next((frame for path in paths if (frame := _read(path)) is not None), None)
    if first is None:
        raise UnreadableVideoError(f"none of the folder's {len(paths)} frames can be read")
    height, width = first.shape[:2]
    return FrameFolder(
        width=width,
        height=height,
        fps=fps,
        fps_assumed=True,
        frames_announced=len(paths),
        paths=paths,
        notes=_numbering_notes(names),
    )


def _read(path: Path) -> NDArray[np.uint8] | None:
    """Return a frame, uint8 (height, width, 3) BGR; None if it cannot be read."""
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
    except OSError:
        return None
    if not data.size:
        return None
    try:
        frame = cv2.imdecode(data, cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return frame


def _fitted(frame: NDArray[np.uint8], *, width: int, height: int) -> NDArray[np.uint8]:
    import cv2

    scale = min(width / frame.shape[1], height / frame.shape[0])
    inner = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(frame, inner, interpolation=smooth)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def _numbering_notes(names: list[str]) -> list[str]:
    found = [_NUMBER.search(Path(name).stem) for name in names]
    numbers = [int(match[1]) for match in found if match]
    if len(numbers) < len(names):
        return []
    gaps = [(a + 1, b - 1) for a, b in pairwise(numbers) if b - a > 1]
    if not gaps:
        return []
    missing = sum(last - first + 1 for first, last in gaps)
    holes = _listed([f"{a}" if a == b else f"{a}-{b}" for a, b in gaps])
    return [f"{missing} frames missing in the numbering ({holes}): taken as consecutive"]


def _listed(words: list[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
