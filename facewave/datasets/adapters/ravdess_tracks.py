"""Adapter of RAVDESS's facial landmark tracking: tables of 68 points in place of the videos.

Either a table per clip, named `01-01-03-02-01-01-12.csv` (the official release, from OpenFace 2),
or tables of many clips with the names of the videos in a column. What the fields of a name mean is
said in `ravdess`; labels, takes and folds are the same.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.adapters.ravdess import EMOTIONS, NAME, add_clip
from facewave.datasets.files.track_files import clips_of, stem, track_files
from facewave.datasets.rows import Collector, Rows
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import plain_name
from facewave.manifest.clips import ManifestError

# RAVDESS's videos have 30000/1001 frames per second, of 1280 x 720 pixels.
FPS = 30000 / 1001
SIZE = (1280, 720)

_ADVICE = (
    "Point `root` at the folder of the tables of landmarks: 01-01-03-02-01-01-12.csv and so on "
    "(FacialTracking_Actors_01-24, unpacked from Zenodo 3255102)."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip; `fold` is one of six folds of four actors.

    Args:
        options: `vocal` (`speech`, `song` or `both`), `class_map`, and those of tables
        classes: the dataset's class list
        root: folder of the tables

    Raises:
        ManifestError: there are no such clips
    """
    found = Collector(classes, options, known=EMOTIONS.values())
    given = {"size": SIZE, **{key: value for key, value in options.items() if value is not None}}
    takes: set[str] = set()
    for path, clip, match in _clips(root, given, options["cache"]):
        if match[2] != {"speech": "01", "song": "02"}.get(options.get("vocal", "speech"), match[2]):
            found.leave_out("that are of the other vocal channel (option `vocal`)")
        elif match[0][3:] in takes:
            found.leave_out("of takes that are there twice")
        else:
            takes.add(match[0][3:])
            add_clip(
                found,
                match,
                place=path if clip is None else f"{path}, {clip}",
                file_path=path,
                fps_hint=options.get("fps") or FPS,
                table=TrackTable.of_dataset(given, clip=clip).to_json(),
            )
    if not takes:
        problem = "found no clips named like 01-01-03-02-01-01-12"
        raise ManifestError(f"{root}: RAVDESS's tracks", [problem], advice=_ADVICE)
    return found.rows("RAVDESS's tracks")


def _clips(
    root: Path, options: Mapping[str, Any], cache: Path | None
) -> Iterator[tuple[str, str | None, re.Match[str]]]:
    """Yield path, name in the table (None where it has no names) and the fields of each clip."""
    paths = track_files(root, follow_links=options.get("follow_links", False))
    several = []
    for path in paths:
        if match := NAME.fullmatch(stem(path)):
            yield path, None, match
        else:
            several.append(path)
    table = TrackTable.of_dataset(options, clip=None)
    for path, names in clips_of(root, several, table, cache=cache):
        for name in names:
            if match := NAME.fullmatch(plain_name(name)):
                yield path, name, match
