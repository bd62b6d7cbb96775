"""Real values of clips (questionnaire scores, valence) in `targets.parquet`, beside the manifest.

The table has one row per clip that has any, the column `clip_id` and one column of doubles per
target, null where a clip lacks it. What reads no targets never waits for this table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from facewave.manifest.clips import Clip
from facewave.storage.parquet import read_parquet, write_parquet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLIP_ID = "clip_id"


def targets_of(clips: Iterable[Clip]) -> dict[str, dict[str, float]]:
    """Return the targets by name of each clip that has any, by clip id."""
    return {clip.clip_id: dict(clip.targets) for clip in clips if clip.targets is not None}


def write_targets(targets: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Write the table, whole or not at all; the same targets give the same bytes.

    Args:
        targets: as `targets_of` returns them.
        path: the Parquet file; its folder is made.
    """
    import pyarrow as pa

    columns = {CLIP_ID: pa.array(targets, pa.string())}
    for name in sorted({name for values in targets.values() for name in values}):
        columns[name] = pa.array([v.get(name) for v in targets.values()], pa.float64())
    write_parquet(path, pa.table(columns))


def read_targets(path: Path, names: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the targets of each clip of a table; a clip that lacks one of them is left out.

    Args:
        path: the Parquet file that `write_targets` wrote.
        names: of the targets, in the order that is wanted.

    Raises:
        OSError: there is no such file.
    """
    return {clip: tuple(values) for clip, *values in _rows(path, names) if None not in values}


def read_target_values(
    path: Path, names: Sequence[str], clip_ids: Sequence[str]
) -> NDArray[np.float64]:
    """Return the targets of some clips, float64 (n, m), NaN where a clip lacks one.

    Args:
        path: the Parquet file that `write_targets` wrote.
        names: of the m targets.
        clip_ids: of the n clips.

    Raises:
        OSError: there is no such file.
    """
    import numpy as np

    found = {clip: values for clip, *values in _rows(path, names)}
    nothing = [None] * len(names)
    rows = [found.get(clip, nothing) for clip in clip_ids]
    return np.array(rows, np.float64).reshape(len(clip_ids), len(names))


def _rows(path: Path, names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    columns = read_parquet(path, [CLIP_ID, *names]).select([CLIP_ID, *names]).columns
    return zip(*(column.to_pylist() for column in columns), strict=True)
