"""Cuts between scenes as PySceneDetect lists them (`scenedetect -i film.mp4 list-scenes`).

PySceneDetect itself is not imported: it depends on an OpenCV package other than MediaPipe's.
"""

from __future__ import annotations

import csv
from pathlib import Path

_FIRST, _LAST = "Start Frame", "End Frame"


class SceneListError(ValueError):
    """A list of scenes is missing or is none."""


def scene_list(folder: Path, video: Path) -> Path:
    """Return where the scenes of a video are listed: PySceneDetect's own name, in `folder`."""
    return folder / f"{video.stem}-Scenes.csv"


def read_scenes(path: Path) -> list[tuple[int, int]]:
    """Return the scenes as ranges of frames: first, counted from 0, and one after the last.

    Raises:
        SceneListError: no such file, no such columns, or scenes that are not one after the other
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SceneListError(f"{path}: {reason}; expected a list of scenes") from None
    # Above the header there may be a line with all timecodes.
    start = next((i for i, line in enumerate(lines) if _FIRST in line and _LAST in line), None)
    if start is None:
        raise SceneListError(f"{path}: no columns `{_FIRST}` and `{_LAST}`")
    scenes: list[tuple[int, int]] = []
    for number, row in enumerate(csv.DictReader(lines[start:]), start=start + 2):
        try:
            first, end = int(row[_FIRST]) - 1, int(row[_LAST])
        except (TypeError, ValueError):
            raise SceneListError(f"{path} line {number}: expected numbers of frames") from None
        if first < (scenes[-1][1] if scenes else 0) or end <= first:
            raise SceneListError(
                f"{path} line {number}: found frames {first + 1} to {end}, expected scenes one "
                "after the other"
            )
        scenes.append((first, end))
    if not scenes:
        raise SceneListError(f"{path}: it lists no scene")
    return scenes
