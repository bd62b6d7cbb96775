"""Answer for a bucket of videos: feature shards to rows per video or person, and per window."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.channels import Channels
from facewave.jobs.log import Progress
from facewave.predict.description import misfits, refuse
from facewave.predict.enrolment import Enrolment
from facewave.predict.rows import RowBuffer, VideoRow, WindowRow
from facewave.predict.trust import LEAST_WINDOWS, Judge
from facewave.predict.windows import PredictionJob, Window
from facewave.splits.baseline import RULE
from facewave.splits.read import SplitTable
from facewave.storage.store import drop_index_if_damaged, shard_path
from facewave.tracking.track_index import span_of
from facewave.tracking.trajectory import Trajectory, open_trajectory

# Windows whose features are in memory at a time: 90 kB each with the default options.
_CHUNK = 32


def predict_bucket(
    windows: Sequence[Window], job: PredictionJob, *, enrolment: Sequence[Window], scratch: Path
) -> tuple[RowBuffer, RowBuffer]:
    """Answer for all videos of a bucket.

    Args:
        windows: see `read_windows`.
        job: with what.
        enrolment: windows that the baseline may be made of: those of the bucket, or of all buckets
            if `job.enrolled` names videos.
        scratch: folder for an unnamed file with the baselines.

    Returns:
        the videos' rows (`VideoRow`) and the windows' (`WindowRow`).

    Raises:
        ModelError: the features do not fit the model.
        DroppedIndexError: a shard is damaged or missing.
    """
    _check_fit(windows, job)
    relative = None
    if job.model.baseline:
        relative = Enrolment(job, enrolment, scratch=scratch)
    videos = RowBuffer(VideoRow, job.model.classes)
    timeline = RowBuffer(WindowRow, job.model.classes)
    progress = Progress(len(windows))
    for _, group in itertools.groupby(windows, key=lambda window: window.whose):
        own = list(group)
        video, parts = _answer_video(own, job, relative)
        videos.rows.append(video)
        timeline.rows += parts
        for _ in own:
            progress.step(computed=True, frames=0)
    return videos, timeline


def _check_fit(windows: Sequence[Window], job: PredictionJob) -> None:
    trained = job.model.metadata
    for channels in {window.features["channels"] for window in windows if window.valid}:
        given = {**job.features, "channels": str(Channels.parse(channels))}
        lines = misfits(trained, features=given, tracks=job.tracks)
        refuse(f"the model {job.model.name}", lines, options=None)


def _answer_video(
    windows: Sequence[Window], job: PredictionJob, relative: Enrolment | None
) -> tuple[VideoRow, list[WindowRow]]:
    first, judge = windows[0], Judge(model=job.model, error_rate=job.error_rate)
    refused = {
        window.name: (window.features["reason"] if not window.valid else "")
        or (relative.refused(window) if relative else "")
        for window in windows
    }
    usable = [window for window in windows if not refused[window.name]]
    of_members, far = _answers(usable, job, relative)
    rows = iter(_window_rows(usable, of_members, far, judge))
    parts = [
        _unanswered(window, refused[window.name]) if refused[window.name] else next(rows)
        for window in windows
    ]
    row = VideoRow(
        video=first.video,
        path=first.track["file_path"],
        person=first.person,
        calibrated=relative.text(first) if relative and usable else "no",
        model=f"{job.model.name} {job.model.sha256[:12]}",
        **_measures(first, job.store),
    )
    if not usable:
        reasons = Counter(refused.values())
        return replace(row, why=max(reasons, key=lambda text: (reasons[text], text))), parts
    means = [given.mean(axis=0, keepdims=True, dtype=np.float64) for given in of_members]
    probabilities = np.mean(means, axis=0)[0]
    classes = judge.sets([mean.astype(np.float32) for mean in means])[0]
    distance = float(np.median(far))
    why = [judge.why(classes, distance)]
    if len(usable) < LEAST_WINDOWS * len(windows):
        why.append(f"only {len(usable)} of {len(windows)} windows could be answered")
    text = "; ".join(filter(None, why))
    row = replace(
        row,
        answer=job.model.classes[int(probabilities.argmax())],
        probabilities=probabilities.tolist(),
        prediction_set=classes,
        distance=None if np.isnan(distance) else distance,
        trusted=not text,
        why=text,
    )
    return row, parts


def _answers(
    windows: Sequence[Window], job: PredictionJob, relative: Enrolment | None
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Return each member's probabilities (n, C) for usable windows, and their distances (n,)."""
    classes, members = len(job.model.classes), job.model.networks
    of_members = [np.empty((len(windows), classes), np.float32) for _ in range(members)]
    far = np.empty(len(windows), np.float32)
    for start in range(0, len(windows), _CHUNK):
        chunk = windows[start : start + _CHUNK]
        found = job.model.answer(_table(chunk, job, relative), threads=job.threads)
        rows = slice(start, start + len(chunk))
        for own, given in zip(of_members, found.of_members, strict=True):
            own[rows] = given
        far[rows] = found.distances
    return of_members, far


def _table(windows: Sequence[Window], job: PredictionJob, relative: Enrolment | None) -> SplitTable:
    """Return windows as a part of a split: what the networks read in training."""
    read = [relative(window) if relative else job.read(window) for window in windows]
    count = len(windows)
    return SplitTable(
        clip_ids=[window.clip_id for window in windows],
        labels=np.zeros(count, np.int64),
        valid=np.ones(count, np.bool_),
        groups={name: np.stack([one[name].ravel() for one in read]) for name in job.model.shapes},
        classes=job.model.classes,
        shapes={name: read[0][name].shape for name in job.model.shapes},
        metadata={
            "features": {**job.features, "channels": windows[0].features["channels"]},
            RULE: job.model.baseline,
        },
    )


def _window_rows(
    windows: Sequence[Window],
    of_members: Sequence[NDArray[np.float32]],
    far: NDArray[np.float32],
    judge: Judge,
) -> Iterator[WindowRow]:
    sets = judge.sets(of_members)
    for index, window in enumerate(windows):
        mean = np.stack([given[index] for given in of_members]).astype(np.float64).mean(axis=0)
        why = judge.why(sets[index], float(far[index]))
        yield replace(
            _unanswered(window, why),
            answer=judge.model.classes[int(mean.argmax())],
            probabilities=mean.tolist(),
            prediction_set=sets[index],
            trusted=not why,
        )


def _unanswered(window: Window, why: str) -> WindowRow:
    start, end = span_of(window.track) or (0, _milliseconds(window))
    return WindowRow(
        video=window.video,
        person=window.person,
        start_seconds=start / 1000,
        end_seconds=end / 1000,
        why=why,
    )


def _milliseconds(window: Window) -> float:
    rate, frames = float(window.track["fps"] or 0), int(window.track["frames"] or 0)
    return 1000 * frames / rate if rate else 0.0


def _measures(window: Window, store: Path) -> dict[str, Any]:
    """Return what is known of a whole video, apart from its answer."""
    if not window.track["key"]:
        return {}
    with drop_index_if_damaged(window.index, clip_id=window.clip_id):
        clip = open_trajectory(
            shard_path(store, "tracks", window.track["key"]), person=window.number
        )
    frames, detected = len(clip), int(clip.detected.sum())
    return {
        "frames": frames,
        "detected_frames": detected,
        "coverage": detected / frames if frames else 0.0,
        "duration_seconds": _duration(clip),
    }


def _duration(clip: Trajectory) -> float:
    times = clip.timestamp_ms
    if not len(times):
        return 0.0
    return float(times[-1] - times[0]) / 1000 + (1 / clip.fps if clip.fps else 0.0)
