"""Videos without labels, for `predict`: a file, a folder, a pattern or a table of paths.

They are read like a dataset, so that they are tracked and encoded by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from glob import has_magic
from pathlib import Path
from typing import Any

from facewave.datasets.adapters import table
from facewave.datasets.files.tree import VIDEO_SUFFIXES, walk
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError
from facewave.storage.frame_files import is_frame

TABLES = (".csv", ".tsv", ".parquet")
_KEPT = ("file_path", "clip_id", "subject", "fps_hint")
_ADVICE = (
    "Set predict.videos to a video, a folder with videos, a pattern such as 'clips/*.mp4' (in "
    "quotes), or a table with the column file_path."
)


def folder_of(videos: str) -> Path:
    """Return the folder that the paths of some videos are relative to.

    Args:
        videos: `predict.videos`.
    """
    path = Path(videos)
    if has_magic(videos) and not path.exists():
        fixed = []
        for part in path.parts[:-1]:
            if has_magic(part):
                break
            fixed.append(part)
        return Path(*fixed)
    return path if path.is_dir() else path.parent


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per video, none with a label.

    Args:
        options: `videos`, as in the section `predict`
        classes: of the model; not used
        root: see `folder_of`

    Raises:
        ManifestError: there are no videos
    """
    path = Path(options["videos"])
    if path.is_file() and path.suffix.lower() in TABLES:
        read = table.load({"table": path.name}, classes=classes, root=root)
        kept = {name: read.columns[name] for name in _KEPT if name in read.columns}
        return Rows(read.source, kept, read.place, read.problems, read.notes)
    found = Collector(classes, {})
    if path.is_dir():
        tree = walk(path, follow_links=True)
        found.notes([*tree.notes(), *tree.note_of_others()])
        names = sorted([*tree.videos, *tree.frame_folders])
    elif path.exists():
        names = [path.name]
    elif has_magic(options["videos"]):
        matches = sorted(root.glob(str(path.relative_to(root))))
        names = [
            str(match.relative_to(root))
            for match in matches
            if match.suffix.lower() in VIDEO_SUFFIXES or _holds_frames(match)
        ]
        if len(names) < len(matches):
            found.leave_out("that are no videos, by their suffix", len(matches) - len(names))
    else:
        raise ManifestError(str(path), ["no such file or folder"], advice=_ADVICE)
    if not names:
        raise ManifestError(str(path), ["found no videos"], advice=_ADVICE)
    for name in names:
        found.add(name, file_path=name, word=None)
    return found.rows(str(path))


def _holds_frames(path: Path) -> bool:
    return path.is_dir() and any(is_frame(entry.name) for entry in path.iterdir())
