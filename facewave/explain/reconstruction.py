"""How well trajectories can be rebuilt from their codes, layout by layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from facewave.features import wavelets
from facewave.features.encode_clip import fill_gaps, judge_clip, read_trajectories
from facewave.features.groups import FaceOptions, columns
from facewave.features.quality import QualityOptions, face_span
from facewave.jobs.log import Progress
from facewave.storage.store import DamagedShardError, shard_path
from facewave.storage.tables import format_rows, iter_rows, write_text
from facewave.tracking.track_bucket import TRACK_COLUMNS

# A clip is rebuilt in groups of columns of at most this many bytes (float64).
_GROUP_BYTES = 32 * 1024 * 1024


class _Signal(NamedTuple):
    source: str
    first: int
    last: int


# What is measured for itself: errors of different units cannot be added.
SIGNALS: dict[str, _Signal] = {
    "landmarks": _Signal("landmarks", 0, columns("landmarks")),
    "blendshapes": _Signal("blendshapes", 0, columns("blendshapes")),
    "head angles": _Signal("pose", 0, 3),
    "head position": _Signal("pose", 3, 6),
}


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """How one code rebuilds one clip.

    Attributes:
        signal: a key of `SIGNALS`.
        layout, coefficients: the code; 1 coefficient for `mean`.
        frames: T.
        lost: share of the frames that the code does not hold (`paper`); they are rebuilt as the
            last frame that it holds.
        error: root mean square of the difference over all frames and trajectories of the signal,
            over the root mean square of their deviation from their mean: 0 is perfect, 1 is no
            better than the mean. NaN where nothing moves.
    """

    clip_id: str
    signal: str
    layout: str
    coefficients: int
    frames: int
    lost: float
    error: float


REBUILT_COLUMNS = tuple(Rebuilt.__dataclass_fields__)


def wanted_codes(layouts: Sequence[str], coefficients: Sequence[int]) -> list[tuple[str, int]]:
    """Return the codes to compare: every layout with every K, `mean` once."""
    codes = [(layout, 1 if layout == "mean" else k) for layout in layouts for k in coefficients]
    return list(dict.fromkeys(codes))


def rebuild(
    trajectories: NDArray[np.float32], *, layout: str, coefficients: int
) -> tuple[NDArray[np.float64], float]:
    """Code trajectories and rebuild them.

    Args:
        trajectories: (T, m), without NaN.
        layout, coefficients: the code.

    Returns:
        float64 (T, m), frames that the code lost as the last one that it holds; and their share.
    """
    # In float64, as the errors of a full code are to be those of the code and not of the numbers.
    values = trajectories.astype(np.float64)
    code = wavelets.encode(values, layout=layout, coefficients=coefficients)
    rebuilt = wavelets.decode(code, layout=layout, frames=len(values))
    lost = np.isnan(rebuilt).any(axis=1)
    rebuilt[lost] = rebuilt[np.flatnonzero(~lost)[-1]]
    return rebuilt, float(lost.mean())


def measure_clip(
    shard: Path,
    *,
    clip_id: str,
    codes: Sequence[tuple[str, int]],
    face: FaceOptions,
    quality: QualityOptions,
) -> list[Rebuilt]:
    """Measure how codes rebuild a clip; nothing for one that is not valid.

    Args:
        shard: its trajectory shard.
        clip_id: for the rows.
        codes: layouts and numbers of coefficients.
        face: how landmarks are aligned.
        quality: which clips are valid, and whether ends without a face are cut off.

    Raises:
        DamagedShardError: if the trajectory shard is missing, truncated or altered.
    """
    judged, detected = judge_clip(shard, quality)
    if not judged.valid:
        return []
    span = face_span(detected) if quality.trim_ends else slice(0, len(detected))
    detected = detected[span]
    rows = []
    for name, signal in SIGNALS.items():
        squares, variance, lost = np.zeros(len(codes)), 0.0, np.zeros(len(codes))
        for chosen in _column_groups(signal, frames=len(detected)):
            values = read_trajectories(
                shard, source=signal.source, chosen=chosen, face=face, trim_ends=quality.trim_ends
            )
            values = fill_gaps(values, detected)
            centred = values - values.mean(axis=0, dtype=np.float64)
            variance += float(np.sum(centred**2))
            for place, (layout, coefficients) in enumerate(codes):
                rebuilt, lost[place] = rebuild(values, layout=layout, coefficients=coefficients)
                squares[place] += np.sum((values - rebuilt) ** 2)
        errors = np.sqrt(squares / variance) if variance > 0 else np.full(len(codes), np.nan)
        rows += [
            Rebuilt(
                clip_id=clip_id,
                signal=name,
                layout=layout,
                coefficients=coefficients,
                frames=len(detected),
                lost=float(lost[place]),
                error=float(errors[place]),
            )
            for place, (layout, coefficients) in enumerate(codes)
        ]
    return rows


def _column_groups(signal: _Signal, *, frames: int) -> list[slice]:
    # Aligned landmarks come in threes.
    width = max(3, _GROUP_BYTES // (8 * frames) // 3 * 3)
    starts = range(signal.first, signal.last, width)
    return [slice(start, min(start + width, signal.last)) for start in starts]


def measure_bucket(
    track_index: Path,
    *,
    table: Path,
    store: Path,
    codes: Sequence[tuple[str, int]],
    face: FaceOptions,
    quality: QualityOptions,
    retrack: Callable[[str, str], None],
) -> None:
    """Write how codes rebuild each clip of a bucket: TSV, `REBUILT_COLUMNS`, atomically.

    Args:
        track_index: the bucket's index of trajectories.
        table: to write.
        store: folder of the content-addressed store.
        codes, face, quality: as for `measure_clip`.
        retrack: called with clip id and key of a damaged trajectory shard; makes it anew.

    Raises:
        DamagedShardError: if a trajectory shard stays damaged.
    """
    clips = [row for row in iter_rows(track_index, TRACK_COLUMNS) if row["key"]]
    progress = Progress(len(clips))
    found: list[Rebuilt] = []
    for row in clips:
        measure = partial(
            measure_clip,
            shard_path(store, "tracks", row["key"]),
            clip_id=row["clip_id"],
            codes=codes,
            face=face,
            quality=quality,
        )
        try:
            rows = measure()
        except DamagedShardError:
            retrack(row["clip_id"], row["key"])
            rows = measure()
        progress.step(computed=True, frames=int(row["frames"]))
        found += rows
    write_text(table, format_rows(REBUILT_COLUMNS, [asdict(row) for row in found]))
