"""Files that are tables of landmarks, and the clips that each of them holds."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import clip_names
from facewave.manifest.clips import ManifestError
from facewave.natural_order import natural_key
from facewave.storage.tables import write_cache

SUFFIXES = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def track_files(root: Path, *, follow_links: bool = False) -> list[str]:
    """Return the paths of all tables below a folder, relative to it, in natural order.

    Args:
        root: the folder.
        follow_links: whether to look into folders behind links.

    Raises:
        ManifestError: there is no such folder.
    """
    if not root.is_dir():
        advice = "Point `root` at the folder of the tables."
        raise ManifestError(str(root), ["no such folder"], advice=advice)
    found = []
    for folder, folders, names in os.walk(root, followlinks=follow_links):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            os.path.relpath(f"{folder}/{name}", root)
            for name in names
            if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(found, key=natural_key)


def stem(path: str) -> str:
    """Return the name of a table without folders and suffixes."""
    name = path.rpartition("/")[2]
    suffix = next((s for s in sorted(SUFFIXES, key=len)[::-1] if name.lower().endswith(s)), "")
    return name[: len(name) - len(suffix)]


def clips_of(
    root: Path, paths: list[str], options: TrackTable, *, cache: Path | None
) -> Iterator[tuple[str, list[str]]]:
    """Yield each table and the names of its clips; no names if it does not tell clips apart.

    Args:
        root: folder of the tables.
        paths: relative to it.
        options: how they are read.
        cache: folder that keeps the names, by date and size of the tables.

    Raises:
        ManifestError: naming all tables that cannot be read.
    """
    file = None if cache is None else cache / f"table_clips-{_digest(str(root), options)}.json"
    known = _read(file)
    now: dict[str, list[object]] = {}
    problems = []
    for path in paths:
        status = (root / path).stat()
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        if path in known and known[path][0] == stamp:
            now[path] = known[path]
            continue
        try:
            now[path] = [stamp, clip_names(root / path, options)]
        except (TrackTableError, OSError) as error:
            problems.append(f"{path}: {error}")
    if file is not None and now != known:
        write_cache(file, json.dumps(now))
    if problems:
        advice = "Correct these tables, or move them out of the folder."
        raise ManifestError(f"{root}: tables of landmarks", problems, advice=advice)
    for path, (_, names) in now.items():
        assert isinstance(names, list)
        yield path, names


def _digest(root: str, options: TrackTable) -> str:
    text = f"{root}\n{options.to_json()}"
    return hashlib.blake2s(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _read(file: Path | None) -> dict[str, list[object]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except (OSError, ValueError):
        return {}  # the cache only saves time
    return found if isinstance(found, dict) else {}
