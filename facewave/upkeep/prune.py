"""Remove the shards and answers that no dataset's index names any more, if that can be proved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facewave.storage.atomic import is_temporary
from facewave.upkeep.needed import OF_TRACKS, STAGES, Needed, needed_shards

# What is younger may be in use by a run that has not named it yet.
SAFE_SECONDS = 24 * 3600
# Shards that `verify_store` put aside.
ASIDE = "damaged"
_SHOWN = 5


class UnfinishedError(Exception):
    """It cannot be proved which shards are needed."""


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        removed: paths, sorted.
        removed_bytes: their size.
        kept: number of shards that are needed.
        young: number of files that nothing needs but that are younger than a day.
    """

    removed: tuple[Path, ...]
    removed_bytes: int
    kept: int
    young: int


def prune_store(
    results: Path, store: Path, *, apply: bool, safe_seconds: float = SAFE_SECONDS
) -> Pruned:
    """Remove shards that no index names, what was put aside, and what killed jobs left unfinished.

    Args:
        results: folder with one folder per dataset; left-overs are looked for in all of it.
        store: folder of the content-addressed store.
        apply: whether files are removed; else it is only found out which would be.
        safe_seconds: age below which a file is kept.

    Raises:
        UnfinishedError: indexes are missing, are damaged or do not fit their key files; nothing is
            removed then.
    """
    needed = needed_shards(results)
    if needed.gaps:
        more = f"\n  and {len(needed.gaps) - _SHOWN} more" if len(needed.gaps) > _SHOWN else ""
        gaps = "".join(f"\n  {gap}" for gap in needed.gaps[:_SHOWN])
        raise UnfinishedError(
            "nothing was removed, since it cannot be proved what is needed. Finish what is named "
            f"here, or remove the folder of what you no longer need, with its logs:{gaps}{more}"
        )
    before = time.time() - safe_seconds
    removed, size, kept, young = [], 0, 0, 0
    for path, wanted in _candidates(results, store, needed):
        if wanted:
            kept += 1
            continue
        try:
            status = path.stat()
            # Looked at just before: a job gives what it finds in the store today's date.
            if status.st_mtime > before:
                young += 1
                continue
            if apply:
                path.unlink()
        except FileNotFoundError:
            continue
        removed.append(path)
        size += status.st_size
    return Pruned(removed=tuple(sorted(removed)), removed_bytes=size, kept=kept, young=young)


def _candidates(results: Path, store: Path, needed: Needed) -> Iterator[tuple[Path, bool]]:
    """Yield the shards of all stages and every left-over, and whether it is needed."""
    stages = (*STAGES, *OF_TRACKS)
    for stage in stages:
        for path in _files(store / stage):
            yield path, not path.name.startswith(".") and bool(needed.needed_by(stage, path.stem))
    for path in _files(store / ASIDE):
        yield path, False
    judged = [store / stage for stage in (*stages, ASIDE)]
    for path in _files(results):
        if is_temporary(path.name) and not any(path.is_relative_to(j) for j in judged):
            yield path, False


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
