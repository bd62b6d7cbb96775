"""Lists of scenes as PySceneDetect writes them: made by `detect_scenes`, or by hand.

Those of `detect_scenes` begin with a comment that says what they were made from. A list is not used
if its video or the options have changed since.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.storage.roots import Located

_FIRST, _LAST = "Start Time (seconds)", "End Time (seconds)"
# What PySceneDetect writes, in its order.
_LIST_COLUMNS = (
    "Scene Number", "Start Frame", "Start Timecode", _FIRST, "End Frame", "End Timecode", _LAST,
    "Length (frames)", "Length (timecode)", "Length (seconds)",
)  # fmt: skip
_NAME = "-Scenes.csv"
SceneKey = dict[str, Any]
# Columns of the table of all videos, see `scene_rows`.
SCENE_COLUMNS = ("clip_id", "file_path", "scenes", "seconds", "frames", "error", "notes")


class SceneListError(ValueError):
    """A list of scenes is missing or not valid."""


def scene_list(folder: Path, name: str) -> Path:
    """Return where the scenes of a video are listed: PySceneDetect's own name, in `folder`."""
    return folder / f"{name}{_NAME}"


def key_path(keys: Path, clip_id: str) -> Path:
    """Return where the key file of a video lies."""
    return keys / f"{clip_id}.json"


def read_key(path: Path) -> tuple[Path, float | None, SceneKey]:
    """Return path, assumed frame rate and key of a video from its key file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    located = Located.of(path.parent.parent.parent)
    return Path(located.path(content["file_path"])), content["fps_hint"], content["key"]


def header_line(header: Mapping[str, Any]) -> str:
    """Return the comment above a list: JSON, with the list's `key` in it."""
    return f"# {json.dumps(header, sort_keys=True, ensure_ascii=True)}\n"


def read_header(path: Path) -> dict[str, Any]:
    """Return what the comment above a list says; empty if there is no list or no comment."""
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline()
        header = json.loads(line.removeprefix("#")) if line.startswith("#") else {}
    except (OSError, ValueError):
        return {}
    return header if isinstance(header, dict) else {}


def read_detected(path: Path, key: SceneKey) -> list[tuple[int, int]] | None:
    """Return the scenes that `detect_scenes` listed, as `read_scenes`.

    Args:
        path: the list.
        key: what the list must have been made from.

    Returns:
        the scenes; None for a video that could not be read

    Raises:
        SceneListError: there is no list, or it was made from something else.
    """
    header = read_header(path)
    if not header:
        raise SceneListError("its scenes have not been detected")
    if header.get("key") != key:
        raise SceneListError(f"it or the options have changed since {path} was written")
    return None if header.get("error") else read_scenes(path)


def scene_rows(lists: Sequence[Path], *, keys: Path) -> list[dict[str, Any]]:
    """Return one row (`SCENE_COLUMNS`) per list that `detect_scenes` wrote.

    Args:
        lists: the lists.
        keys: folder of their key files.

    Raises:
        SceneListError: a file is not such a list.
    """
    rows = []
    for path in lists:
        clip_id, header = path.name.removesuffix(_NAME), read_header(path)
        if "key" not in header:
            raise SceneListError(f"{path}: not written by detect_scenes; remove it and run again")
        scenes = [] if header.get("error") else read_scenes(path)
        rows.append(
            {
                "clip_id": clip_id,
                "file_path": read_key(key_path(keys, clip_id))[0],
                "scenes": len(scenes),
                "seconds": scenes[-1][1] / 1000 if scenes else 0.0,
                "frames": header.get("frames", 0),
                "error": header.get("error", ""),
                "notes": header.get("notes", ""),
            }
        )
    return rows


def format_scenes(
    scenes: Sequence[tuple[int, int]], times_ms: Sequence[int], *, end_ms: int
) -> str:
    """Return the text of a list as PySceneDetect writes it, with the true times of the frames.

    Args:
        scenes: ranges of frames, from 0: first and one past the last.
        times_ms: of all frames.
        end_ms: of the last frame.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_LIST_COLUMNS)
    for number, (first, end) in enumerate(scenes, start=1):
        start, stop = times_ms[first], times_ms[end] if end < len(times_ms) else end_ms
        spans = [(first + 1, start), (end, stop), (end - first, stop - start)]
        cells = [cell for frame, ms in spans for cell in (frame, _timecode(ms), f"{ms / 1000:.3f}")]
        writer.writerow([number, *cells])
    return text.getvalue()


def _timecode(ms: int) -> str:
    minutes, rest = divmod(ms, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest / 1000:06.3f}"


def read_scenes(path: Path) -> list[tuple[int, int]]:
    """Return the scenes as parts of the video's time in ms: from the first, before the second.

    Raises:
        SceneListError: there is no such file or column, or the scenes overlap or are out of order
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SceneListError(f"{path}: {reason}; expected a list of scenes") from None
    # There may be a line with all timecodes above the header.
    start = next((i for i, line in enumerate(lines) if _FIRST in line and _LAST in line), None)
    if start is None:
        raise SceneListError(f"{path}: no columns `{_FIRST}` and `{_LAST}`")
    scenes: list[tuple[int, int]] = []
    for number, row in enumerate(csv.DictReader(lines[start:]), start=start + 2):
        try:
            first, end = (round(1000 * float(row[name])) for name in (_FIRST, _LAST))
        except (TypeError, ValueError, OverflowError):
            raise SceneListError(f"{path} line {number}: expected times in seconds") from None
        if first < (scenes[-1][1] if scenes else 0) or end <= first:
            raise SceneListError(
                f"{path} line {number}: found {first / 1000:g} to {end / 1000:g} s, expected "
                "scenes one after the other"
            )
        scenes.append((first, end))
    if not scenes:
        raise SceneListError(f"{path}: it lists no scenes")
    return scenes
