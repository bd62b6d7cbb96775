"""Folders of frames as clips: DFEW, MAFW and FERV39k also come as images in folders."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

from facewave.jobs.signs_of_life import alive
from facewave.messages import shown
from facewave.storage.frame_files import IMAGE_SUFFIXES, frame_names, odd_frames
from facewave.video.decode import (
    BeyondLimitsError,
    Frame,
    Limits,
    UnreadableVideoError,
    Video,
    raise_for_machine,
)
from facewave.video.images import Image, decode_image, fitted

_NUMBER = re.compile(r"([0-9]+)[^0-9]*\Z")
_SHOWN = 5


def open_frame_folder(folder: Path, *, fps: float, limits: Limits) -> Video:
    """Return a folder of frames as a video, to be read once, in natural order of the file names.

    Frames of another size than the first are scaled to fit it and padded with black, so that
    normalised coordinates mean the same in every frame. An image that cannot be read is left out,
    its time stays empty: it counts as announced, not as decoded.

    Args:
        folder: holds .jpg, .jpeg, .png, .bmp or .webp files; other files are ignored.
        fps: frames per second, which images do not say.
        limits: bounds of each image, and of the length.

    Raises:
        UnreadableVideoError: if the folder is missing, or none of its images can be read.
    """
    try:
        names, odd = frame_names(folder), odd_frames(folder)
    except OSError as error:
        raise_for_machine(error)
        raise UnreadableVideoError(f"the folder cannot be read: {error.strerror}") from None
    if not names:
        kinds = ", ".join(IMAGE_SUFFIXES)
        raise UnreadableVideoError(f"the folder holds no frames ({kinds})")
    if len(names) / fps > limits.max_seconds:
        raise BeyondLimitsError(
            f"its {len(names)} frames are longer than {limits.max_seconds:g} s (video.max_seconds)"
        )
    paths = [folder / name for name in names]
    images = (_read(path, limits) for path in paths)
    first = next((image for image in images if image is not None), None)
    if first is None:
        raise UnreadableVideoError(
            f"none of the folder's {len(paths)} frames can be read: damaged, or more than "
            f"{limits.max_pixels:,} pixels (video.max_pixels)"
        )
    return Video(
        width=first.shape[1],
        height=first.shape[0],
        fps=fps,
        fps_assumed=True,
        frames_announced=len(paths),
        notes=[*_odd_notes(odd), *_numbering_notes(names)],
        _read=partial(_frames, paths=paths, limits=limits),
    )


def _frames(video: Video, start_ms: float, *, paths: list[Path], limits: Limits) -> Iterator[Frame]:
    unreadable, resized = [], 0
    size = (video.height, video.width)
    for index, path in enumerate(paths):
        ms = round(1000.0 * index / video.fps)
        if ms < start_ms:
            continue
        image = _read(path, limits)
        if image is None:
            unreadable.append(path.name)
            continue
        video.frames_decoded += 1
        resized += image.shape[:2] != size
        image = fitted(image, width=size[1], height=size[0])
        yield Frame(ms, video.scaled(image))
    if resized:
        video.notes.append(
            f"{resized} frames of another size than {size[1]}x{size[0]}: fitted and padded"
        )
    if unreadable:
        video.notes.append(f"unreadable and left out: {_listed(unreadable)}")


def _read(path: Path, limits: Limits) -> Image | None:
    """Return a frame, uint8 (height, width, 3) RGB; None if it cannot be decoded."""
    alive()
    try:
        if not path.is_file():
            return None
        data = path.read_bytes()
    except OSError as error:
        raise_for_machine(error)
        return None
    return decode_image(data, max_pixels=limits.max_pixels)


def _odd_notes(names: list[str]) -> list[str]:
    listed = _listed([shown(name) for name in names])
    return [f"no files, and left out: {listed}"] if names else []


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
