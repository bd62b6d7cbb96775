"""One clip to one trajectory shard: decode, find the faces, follow one of them."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.storage.store import write_shard
from facewave.tracking.landmarker import (
    N_BLENDSHAPES,
    N_LANDMARKS,
    LandmarkerOptions,
    video_landmarker,
)
from facewave.tracking.primary_face import FaceTrack, face_boxes, link_faces, primary_track
from facewave.versions import TRACK_VERSION
from facewave.video.decode import UnreadableVideoError, Video
from facewave.video.open import open_video

# Detections beyond this many bytes go to disk, so that memory does not grow with the clip.
_SPOOL_BYTES = 32 * 1024 * 1024
_CHUNK = 1024

_RECORD = np.dtype(
    [
        ("landmarks", "<f4", (N_LANDMARKS, 3)),
        ("blendshapes", "<f4", (N_BLENDSHAPES,)),
        ("transform", "<f4", (4, 4)),
    ]
)


@dataclass(frozen=True)
class TrackSummary:
    """Summary of a trajectory shard, stored in its metadata.

    Attributes:
        width, height: pixels.
        fps: frames per second; assumed where the container gives no rate.
        frames, frames_announced: decoded, and according to the container (0: unknown).
        detected: frames in which the primary face was found.
        max_faces_seen: most faces in one frame.
        error: why there is no complete trajectory; empty if there is one.
        notes: peculiarities that do not make the clip invalid.
    """

    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    frames_announced: int = 0
    detected: int = 0
    max_faces_seen: int = 0
    error: str = ""
    notes: str = ""


@dataclass(frozen=True, kw_only=True)
class TrackJob:
    """One clip to be tracked.

    Attributes:
        video_path: the clip.
        shard: where its trajectory shard is written, atomically.
        model: FaceLandmarker bundle, already checked.
        options: of the landmarker.
        default_fps: frames per second where the container gives no rate.
        provenance: further metadata of the shard, JSON-serialisable.
        frames: range of frames of a segment (first, one after the last), which is tracked as if it
            were a whole clip: times count from its first frame. None: the whole video.
    """

    video_path: Path
    shard: Path
    model: Path
    options: LandmarkerOptions
    default_fps: float
    provenance: Mapping[str, Any]
    frames: tuple[int, int] | None = None

    def to_json(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self), default=os.fspath)

    @classmethod
    def from_json(cls, text: str) -> TrackJob:
        """Return the job that `to_json` wrote."""
        job = json.loads(text)
        job |= {name: Path(job[name]) for name in ("video_path", "shard", "model")}
        job["options"] = LandmarkerOptions(**job["options"])
        job["frames"] = tuple(job["frames"]) if job["frames"] else None
        return cls(**job)


@dataclass
class _Detections:
    spool: IO[bytes]
    counts: list[int]
    tracks: list[FaceTrack]
    rows: int = 0


def track_clip(job: TrackJob, *, on_frame: Callable[[], None] = lambda: None) -> TrackSummary:
    """Track the primary face of a clip and write its trajectory shard.

    The shard holds, for T decoded frames, `landmarks` float32 (T, 478, 3) in normalised image
    coordinates, `blendshapes` float32 (T, 52), `transform` float32 (T, 4, 4), all NaN where the
    face was not found, `detected` bool (T,), `timestamp_ms` int64 (T,), `face_count` uint8 (T,).

    Args:
        job: the clip, and how it is tracked.
        on_frame: called before each frame is processed.

    Returns:
        The summary. A clip that cannot be decoded has T = 0 and an `error`.

    Raises:
        LandmarkerError, MissingSystemLibraryError: if no landmarker can be made.
        RuntimeError, ValueError: if MediaPipe fails in a frame.
        OSError: if the shard cannot be written.
    """
    folder = job.shard.parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=str(folder)) as spool:
        found, step = _Detections(spool, [], []), 1
        try:
            with open_video(job.video_path, default_fps=job.default_fps) as video:
                if job.frames is not None:
                    video.restrict(*job.frames)
                video.limit_rate(job.options.max_fps)
                video.max_side = job.options.max_side
                step = video.step
                _detect(video, found, job, on_frame)
                summary, timestamps = _summarise(video, found)
        except UnreadableVideoError as error:
            summary, timestamps = TrackSummary(error=str(error)), []
        metadata = {
            **asdict(summary),
            **({"frame_step": step} if step > 1 else {}),
            "facewave_version": __version__,
            "track_version": TRACK_VERSION,
            "machine": platform.machine(),
            **job.provenance,
        }
        write_shard(job.shard, _arrays(found, timestamps), metadata)
    return summary


def _detect(video: Video, found: _Detections, job: TrackJob, on_frame: Callable[[], None]) -> None:
    with video_landmarker(job.model, job.options) as landmarker:
        for index, frame in enumerate(video.frames()):
            on_frame()
            faces = landmarker.detect(frame, video.timestamp_ms(index))
            found.counts.append(len(faces))
            if len(faces) == 0:
                continue
            records = np.empty(len(faces), _RECORD)
            records["landmarks"] = faces.landmarks
            records["blendshapes"] = faces.blendshapes
            records["transform"] = faces.transforms
            found.spool.write(records.tobytes())
            boxes = face_boxes(faces.landmarks)
            link_faces(found.tracks, boxes, frame=index, first_row=found.rows)
            found.rows += len(faces)


def _summarise(video: Video, found: _Detections) -> tuple[TrackSummary, list[int]]:
    if video.frames_decoded == 0:
        raise UnreadableVideoError("it has a video stream, but no frame can be decoded")
    primary = primary_track(found.tracks)
    notes = []
    if video.fps_assumed:
        notes.append(f"no frame rate in the file: {video.fps:g} assumed")
    if video.variable_rate:
        notes.append("variable frame rate: frames taken as equally spaced")
    if max(found.counts) > 1:
        notes.append(f"up to {max(found.counts)} faces at once")
    notes += video.notes
    summary = TrackSummary(
        width=video.width,
        height=video.height,
        fps=video.fps,
        frames=video.frames_decoded,
        frames_announced=video.frames_announced,
        detected=len(primary.frames) if primary else 0,
        max_faces_seen=max(found.counts),
        notes="; ".join(notes),
    )
    return summary, [video.timestamp_ms(frame) for frame in range(video.frames_decoded)]


def _arrays(found: _Detections, timestamps: list[int]) -> dict[str, Any]:
    frames = len(timestamps)
    row_of_frame = np.full(frames, -1, np.int64)
    primary = primary_track(found.tracks) if frames else None
    if primary:
        row_of_frame[primary.frames] = primary.rows
    arrays: dict[str, Any] = {
        name: (
            (frames, *_RECORD[name].shape),
            "<f4",
            _primary_records(found.spool, row_of_frame, name),
        )
        for name in ("landmarks", "blendshapes", "transform")
    }
    arrays["detected"] = row_of_frame >= 0
    arrays["timestamp_ms"] = np.array(timestamps, "<i8")
    arrays["face_count"] = np.array(found.counts[:frames], np.uint8)
    return arrays


def _primary_records(
    spool: IO[bytes], row_of_frame: NDArray[np.int64], name: str
) -> Iterator[NDArray[np.float32]]:
    """Yield the primary face's values of `name` in chunks of frames, NaN where it is missing."""
    for start in range(0, len(row_of_frame), _CHUNK):
        rows = row_of_frame[start : start + _CHUNK]
        chunk = np.full((len(rows), *_RECORD[name].shape), np.nan, np.float32)
        seen = np.flatnonzero(rows >= 0)
        if len(seen):
            first, last = int(rows[seen[0]]), int(rows[seen[-1]])
            spool.seek(first * _RECORD.itemsize)
            data = spool.read((last - first + 1) * _RECORD.itemsize)
            chunk[seen] = np.frombuffer(data, _RECORD)[name][rows[seen] - first]
        yield chunk
