"""What a training job reads: its clips, and the options that follow from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from facewave.manifest.targets import read_targets
from facewave.storage.store import content_key, file_sha256
from facewave.video.isolated import Bounds
from facewave.video.reader_pool import ReaderPool
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.statistics import face_shapes
from facewave.vlm.fine_tuning.clips import Clips, read_clips, stage_rows
from facewave.vlm.inputs.clip_reader import ClipReader, Media, read_media
from facewave.vlm.plan import TargetsError, deciding
from facewave.vlm.training.batches import Rows


@dataclass(frozen=True, kw_only=True)
class Job:
    """Files and options of one job; plain values, so that it can be written as JSON.

    Attributes:
        manifest: the manifest (Parquet).
        tracks: indexes of the trajectories, of all buckets.
        store: folder of the content-addressed store.
        splits: part to its Parquet file.
        outputs: `weights`, `metrics`, `steps`, `movement` and `predictions`.
        options: of `facewave.vlm.plan.model_params`.
        default_fps: frames per second where neither container nor manifest names one.
        video: what reading a video may take, see `facewave.video.isolated.Bounds`.
        seed: of order, dropout, subsets and new weights.
        version: `VLM_VERSION`.
        threads: torch's threads.
        checkpoints: folder of all trainings' checkpoints.
        start: weights to start from; None: untrained ones.
        targets: the table of targets (Parquet); None where classes are predicted.
    """

    manifest: str
    tracks: list[str]
    store: str
    splits: dict[str, str]
    outputs: dict[str, str]
    options: dict[str, Any]
    default_fps: float
    seed: int
    version: int
    threads: int
    checkpoints: str
    start: str | None = None
    targets: str | None = None
    video: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class JobInputs:
    """The clips of a job, read from its files.

    Attributes:
        clips: rows of all parts.
        media: by clip id.
        options: of the model.
        rows: part to the rows that are used; for `train` those of the job's stage.
        mirror: whether mirrored faces are trained on as well.
    """

    clips: Clips
    media: dict[str, Media]
    options: ModelOptions
    rows: dict[str, Rows]
    mirror: bool = False

    @property
    def regression(self) -> bool:
        """Whether real values are predicted."""
        return self.options.head == "regression"

    def reader(self, job: Job) -> ClipReader:
        """Return the reader of the job's clips."""
        return ClipReader(
            media=self.media,
            store=Path(job.store),
            count=self.options.frames // self.options.pictures,
            choice=job.options["inputs"]["frame_choice"],
            read=ReaderPool(Bounds(**job.video), count=job.threads),
        )


def read_job_inputs(job: Job) -> JobInputs:
    """Read the clips of a job.

    Raises:
        ValueError: the splits or targets cannot be used; saying what to do.
    """
    inputs = job.options["inputs"]
    media, texts = read_media(Path(job.manifest), job.tracks, default_fps=job.default_fps)
    names = tuple(job.options["model"].get("targets", ()))
    targets = read_targets(Path(job.targets), names) if job.targets else {}
    clips = read_clips(
        job.splits,
        groups=inputs["groups"],
        shuffle_faces=inputs["shuffle_faces"],
        seed=job.seed,
        texts=texts if inputs["use_text"] else {},
        targets=targets,
    )
    tables = clips.tables
    first = next(iter(tables.values()))
    options = ModelOptions(
        **{**job.options["model"], "targets": names},
        classes=() if names else first.classes,
        face_shapes=face_shapes(first),
        seed=job.seed,
    )
    rows = {part: clips.rows(part) for part in tables}
    chosen = stage_rows(
        tables["train"].clip_ids,
        tables["train"].labels.tolist(),
        shares=job.options["stage"]["shares"],
        seed=job.seed,
    )
    rows["train"] = rows["train"][chosen[job.options["stage"]["name"]]]
    if names:
        rows = {part: _with_targets(clips, kept, part) for part, kept in rows.items()}
    return JobInputs(clips=clips, media=media, options=options, rows=rows, mirror=inputs["mirror"])


def _with_targets(clips: Clips, rows: Rows, part: str) -> Rows:
    ids = clips.clip_ids
    kept = np.array([row for row in rows if ids[row] in clips.targets], np.int64)
    if not kept.size:
        raise TargetsError(
            f"none of the {rows.size} clips of the {part} part has a value for every target: fill "
            "in the values of the dataset's `targets`, or name others in vlm.targets.columns"
        )
    return kept


def training_key(job: Job, inputs: JobInputs, *, commit: str | None = None) -> str:
    """Return the digest of everything that decides the result of a training.

    It names the folder of the checkpoints, so a training with another option, clip, label or seed
    cannot find them. The number of GPUs is not part of it.

    Args:
        job: with the stage's options.
        inputs: its clips.
        commit: of the pretrained weights; a branch may have moved since the training was killed.
    """
    tables = inputs.clips.tables
    texts = inputs.clips.texts
    return content_key(
        stage="vlm",
        version=job.version,
        options=deciding(job.options),
        commit=commit,
        seed=job.seed,
        default_fps=job.default_fps,
        parts={
            part: [tables[part].metadata.get("data_sha256"), list(tables[part].classes)]
            for part in ("train", "val")
        },
        texts=sorted((name, text) for name, text in texts.items() if text is not None),
        tracks=sorted((name, media.track_key) for name, media in inputs.media.items()),
        start=file_sha256(Path(job.start)) if job.start else None,
        targets=sorted(inputs.clips.targets.items()) if inputs.regression else None,
    )
