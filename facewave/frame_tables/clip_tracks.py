"""The trajectory of a clip by its name, for those who work in Python: `facewave.tracks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.features.alignment import head_pose
from facewave.features.encode_clip import fit_alignments, has_pose
from facewave.messages import did_you_mean, listed
from facewave.storage.roots import Located
from facewave.storage.store import shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS, span_of
from facewave.tracking.trajectory import Trajectory, open_trajectory


class ClipNotFoundError(LookupError):
    """There is no trajectory of this name; the message says what there is."""

    def __str__(self) -> str:
        """Return the message."""
        return str(self.args[0])


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipTracks:
    """The face that a clip of T frames follows; NaN where it was not found.

    Attributes:
        clip_id, dataset: names of the clip.
        file_path: of its video, or of its table of landmarks.
        width, height: pixels of the frames; 1 where they are not known.
        fps: mean frames per second of the video.
        times: float64 (T,), seconds since the first frame of the video.
        detected: bool (T,), whether the face was found.
        points: name of the set of points, such as `mediapipe_478`.
        landmarks: float32 (T, N, d), x and y in fractions of width and height, z (if d is 3) on the
            scale of x.
        blendshapes: float32 (T, 52), 0 to 1, named by `facewave.face.blendshapes.BLENDSHAPES`;
            None: not known.
        pose: float32 (T, 6), yaw, pitch and roll in degrees, then the head's place in centimetres,
            see `facewave.features.alignment.head_pose`; None: not known.
        action_units: by name, float32 (T,) each; of tables of landmarks only.
        notes: oddities of the video in words.
        trajectory: what all of this was read from.
    """

    clip_id: str
    dataset: str
    file_path: str
    width: int
    height: int
    fps: float
    times: NDArray[np.float64]
    detected: NDArray[np.bool_]
    points: str
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32] | None
    pose: NDArray[np.float32] | None
    action_units: dict[str, NDArray[np.float32]]
    notes: str
    trajectory: Trajectory = field(repr=False)


def tracks(
    results: str | Path, clip_id: str, *, dataset: str | None = None, person: int | None = None
) -> ClipTracks:
    """Return the trajectory of a clip that the workflow has tracked.

    >>> import facewave
    >>> clip = facewave.tracks("results", "s01_happy_t1")
    >>> clip.landmarks.shape
    (12, 478, 3)
    >>> clip.times[clip.detected][:3].tolist()
    [0.0, 0.04, 0.08]

    Args:
        results: the workflow's folder of results.
        clip_id: as in the manifest.
        dataset: that the clip belongs to; None: the only one that has a clip of this name.
        person: number of the person, as in tables of frames; None: the one whom the clip follows.

    Raises:
        ClipNotFoundError: there is no such folder, dataset or clip, several datasets have it, or it
            could not be tracked.
        DamagedShardError: the trajectory shard is damaged or was removed.
        ValueError: the video has no person of this number.
    """
    folder = Path(results)
    found, ids = {}, []
    for name, index in _indexes(folder, dataset):
        for row in iter_rows(index, TRACK_COLUMNS):
            ids.append(row["clip_id"])
            if row["clip_id"] == clip_id:
                path = Located.of(folder / name).path(row["file_path"])
                found[name] = {**row, "file_path": path}
    if not found:
        where = f"{folder}" if dataset is None else f"dataset {dataset} in {folder}"
        raise ClipNotFoundError(
            f"no clip {clip_id!r} among the {len(ids):,} tracked clips of {where}"
            f"{did_you_mean(clip_id, ids)}; `snakemake features` tracks the clips of a dataset"
        )
    if len(found) > 1:
        raise ClipNotFoundError(
            f"the datasets {listed(found)} have a clip {clip_id!r} each: name one (dataset=...)"
        )
    ((name, row),) = found.items()
    if not row["key"]:
        raise ClipNotFoundError(f"clip {clip_id!r} of {name} was not tracked: {row['error']}")
    return read_tracks(folder / "store", name, row, person=person)


def _indexes(folder: Path, dataset: str | None) -> list[tuple[str, Path]]:
    found = sorted(folder.glob(f"{'*' if dataset is None else dataset}/tracks/*.tsv"))
    if not found:
        there = sorted({path.parts[-3] for path in folder.glob("*/tracks/*.tsv")})
        what = "no tracked clips" if dataset is None else f"no tracked clips of dataset {dataset!r}"
        hint = f"; there are {listed(there)}" if there else ""
        raise ClipNotFoundError(
            f"{folder}: {what}{hint}; expected the folder that the workflow writes to (`results`), "
            "after `snakemake features`"
        )
    return [(path.parts[-3], path) for path in found]


def read_tracks(
    store: Path, dataset: str, row: Mapping[str, str], *, person: int | None = None
) -> ClipTracks:
    """Return the trajectory of a clip by its row of a bucket's index, which has a key.

    Raises:
        DamagedShardError: the trajectory shard is damaged or was removed.
    """
    shard = shard_path(store, "tracks", row["key"])
    clip = open_trajectory(shard, span_ms=span_of(row), person=person)
    pose = None
    if has_pose(clip.channels):
        pose = np.full((len(clip), 6), np.nan, np.float32)
        if alignments := fit_alignments(clip, {"transform"}):
            pose = head_pose(alignments["transform"])
    units = clip.channels.action_units
    return ClipTracks(
        clip_id=row["clip_id"],
        dataset=dataset,
        file_path=row["file_path"],
        width=clip.width,
        height=clip.height,
        fps=clip.fps,
        times=clip.timestamp_ms / 1000,
        detected=clip.detected,
        points=clip.channels.points,
        landmarks=clip.at("landmarks", clip.rows),
        blendshapes=clip.at("blendshapes", clip.rows) if clip.channels.blendshapes else None,
        pose=pose,
        action_units=dict(zip(units, clip.at("action_units", clip.rows).T, strict=True))
        if units
        else {},
        notes=clip.notes,
        trajectory=clip,
    )
