"""Three functions for Python: find the face in a video, encode it, and ask a model about it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.features.encode_clip import encode_arrays
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import Quality, QualityOptions
from facewave.frame_tables.clip_tracks import ClipTracks, read_tracks
from facewave.predict.bucket import predict_bucket
from facewave.predict.description import ModelError
from facewave.predict.load import open_model
from facewave.predict.model import Predictor
from facewave.predict.one_video import (
    clips_of,
    default_tracks,
    defaults,
    encode_clips,
    landmarker_file,
    now_encoded,
    now_tracked,
    store_or_temporary,
    track_clips,
)
from facewave.predict.rows import Row, VideoRow, WindowRow
from facewave.predict.vlm_description import vlm_file
from facewave.predict.windows import PredictionJob, read_windows
from facewave.storage.tables import iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """A clip as a fixed number of values, whatever its length.

    Attributes:
        groups: name of a feature group to float32 (K, ...), such as `landmarks` (10, 478, 3);
            zeros if the clip is not valid.
        quality: whether the clip is valid, and why not.
    """

    groups: dict[str, NDArray[np.float32]]
    quality: Quality


@dataclass(frozen=True, kw_only=True)
class WindowAnswer:
    """What a model says of one window; attributes as in `timeline.csv`.

    Attributes:
        start_seconds, end_seconds: of the window, since the first frame of the video.
        answer: the class with the largest probability; empty if there is no answer.
        probabilities: by class; empty if there is no answer.
        prediction_set: classes that cannot be excluded.
        trusted: whether to trust the answer.
        why: why there is no answer, or why not to trust it.
    """

    start_seconds: float
    end_seconds: float
    answer: str
    probabilities: dict[str, float]
    prediction_set: tuple[str, ...]
    trusted: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model says of a video; attributes as in `predictions.csv`.

    Attributes:
        answer, probabilities, prediction_set, trusted, why: as of `WindowAnswer`; means over the
            windows.
        distance: percentile of the distance to the training clips; None if there is no answer.
        frames, detected_frames: of the whole video, and those with the face.
        coverage: the second over the first.
        duration_seconds: length of the video.
        calibrated: `no`, or `yes` and on what the person's baseline rests.
        timeline: the windows; one, if the video was not divided.
    """

    answer: str
    probabilities: dict[str, float]
    prediction_set: tuple[str, ...]
    trusted: bool
    why: str
    distance: float | None
    frames: int
    detected_frames: int
    coverage: float
    duration_seconds: float
    calibrated: str
    timeline: Sequence[WindowAnswer] = field(repr=False)


class Model:
    """A trained model that answers for videos.

    Attributes:
        loaded: the networks, and the clips that they were checked on.
    """

    def __init__(self, loaded: Predictor) -> None:
        """Take what `load_model` read."""
        self.loaded = loaded

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.loaded.classes

    def predict(
        self,
        video: str | Path,
        *,
        window: tuple[float, float] | None = None,
        error_rate: float = 0.1,
        landmarker: str | Path | None = None,
        store: str | Path | None = None,
    ) -> Prediction:
        """Answer for a video, as `snakemake predict` does.

        Args:
            video: a file that FFmpeg reads.
            window: length and step of windows in seconds, such as (4, 1); None: the whole video. A
                model with a person's baseline needs windows.
            error_rate: of `prediction_set`, above 0 and at most 0.5.
            landmarker: `face_landmarker.task`; None: fetched once, into the user's cache.
            store: folder that keeps trajectories and codes, as `results/store`; None: nothing is
                kept.

        Raises:
            FileNotFoundError: there is no such file.
            ModelError: the model needs other versions than are installed.
            ModelFileError: the landmarker is missing, or another one than the model needs.
        """
        if not 0 < error_rate <= 0.5:
            raise ValueError(f"error_rate: found {error_rate}, expected above 0 and at most 0.5")
        metadata = self.loaded.metadata
        tracks, features = now_tracked(metadata["tracks"]), now_encoded(metadata["features"])
        bundle = landmarker_file(landmarker, tracks["model_sha256"])
        clips = clips_of(Path(video), window)
        with store_or_temporary(store) as kept, store_or_temporary(None) as work:
            index = track_clips(clips, store=kept, work=work, landmarker=bundle, tracks=tracks)
            encoded = encode_clips(index, store=kept, work=work, features=features)
            windows = read_windows(index, encoded)
            job = PredictionJob(
                model=self.loaded, store=kept, features=features, tracks=tracks,
                error_rate=error_rate,
            )  # fmt: skip
            videos, timeline = predict_bucket(windows, job, enrolment=windows, scratch=work)
        (row,) = videos.rows
        assert isinstance(row, VideoRow)
        return Prediction(
            **_answer(row, self.classes),
            distance=row.distance,
            frames=row.frames,
            detected_frames=row.detected_frames,
            coverage=row.coverage,
            duration_seconds=row.duration_seconds,
            calibrated=row.calibrated,
            timeline=[
                WindowAnswer(
                    start_seconds=part.start_seconds,
                    end_seconds=part.end_seconds,
                    **_answer(part, self.classes),
                )
                for part in timeline.rows
                if isinstance(part, WindowRow)
            ],
        )


def _answer(row: Row, classes: Sequence[str]) -> dict[str, Any]:
    given = row.probabilities
    return {
        "answer": row.answer,
        "probabilities": dict(zip(classes, given, strict=True)) if len(given) else {},
        "prediction_set": tuple(row.prediction_set),
        "trusted": row.trusted,
        "why": row.why,
    }


def load_model(path: str | Path) -> Model:
    """Return a model that answers for videos.

    >>> import facewave
    >>> model = facewave.load_model("results/models/small")
    >>> model.classes
    ('happy', 'surprise')
    >>> answer = model.predict("clip.mp4", store="results/store")
    >>> answer.answer in model.classes, answer.frames
    (True, 12)
    >>> bool(answer.trusted), answer.why[:36]
    (False, 'no error rate of 0.1 can be promised')

    Args:
        path: a folder that `snakemake export_model` wrote, or the `checkpoint.pt` of a fold.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ModelError: it is no model, of another format, or a vision-language model, which only
            `snakemake predict` can ask.
    """
    if vlm_file(Path(path)):
        raise ModelError(
            f"{path}: a vision-language model looks at frames as well: ask it with `snakemake "
            "predict`"
        )
    return Model(open_model(Path(path)))


def track(
    video: str | Path,
    *,
    landmarker: str | Path | None = None,
    store: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> ClipTracks:
    """Follow the face through a video, as the workflow does.

    >>> import facewave
    >>> face = facewave.track("clip.mp4", store="results/store")
    >>> face.landmarks.shape, face.blendshapes.shape, face.pose.shape
    ((12, 478, 3), (12, 52), (12, 6))
    >>> int(face.detected.sum())
    12

    Args:
        video: a file that FFmpeg reads.
        landmarker: `face_landmarker.task`; None: fetched once, into the user's cache.
        store: folder that keeps the trajectory, as `results/store`, where it is looked for as well;
            None: a temporary one, which goes with what is returned.
        options: keys of the section `landmarker` that differ, such as `{"max_fps": 15}`.

    Returns:
        arrays by frame, NaN where the face was not found.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the video cannot be read; the message says why.
        ModelFileError: the landmarker is missing or another one.
    """
    tracks = default_tracks()
    tracks["landmarker"] = {**tracks["landmarker"], **(options or {})}
    bundle = landmarker_file(landmarker, tracks["model_sha256"])
    clips = clips_of(Path(video), None)
    kept = Path(store) if store is not None else Path(tempfile.mkdtemp(prefix="facewave-"))
    try:
        with store_or_temporary(None) as work:
            index = track_clips(clips, store=kept, work=work, landmarker=bundle, tracks=tracks)
            (row,) = iter_rows(index, TRACK_COLUMNS)
        if not row["key"]:
            raise ValueError(f"{video}: {row['error']}")
        found = read_tracks(kept, "", row)
    except BaseException:
        if store is None:
            shutil.rmtree(kept, ignore_errors=True)
        raise
    if store is None:
        weakref.finalize(found.trajectory, shutil.rmtree, kept, ignore_errors=True)
    return found


def encode(
    tracks: ClipTracks,
    *,
    features: Mapping[str, Any] | None = None,
    wavelet: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
) -> Codes:
    """Encode a trajectory as the workflow does.

    >>> import facewave
    >>> face = facewave.track("clip.mp4", store="results/store")
    >>> codes = facewave.encode(face, wavelet={"coefficients": 8})
    >>> codes.groups["landmarks"].shape, codes.quality.valid
    ((8, 478, 3), True)

    Args:
        tracks: from `track` or `tracks`.
        features, wavelet, quality: keys of these sections of the configuration that differ from
            its defaults.

    Raises:
        TypeError: there is no such key.
        DamagedShardError: the trajectory's shard is damaged or was removed.
    """
    full = defaults()
    named = {key: value for key, value in full["features"].items() if key in _FACE}
    arrays, judged = encode_arrays(
        tracks.trajectory,
        wavelet=WaveletOptions(**{**full["wavelet"], **(wavelet or {})}),
        quality=QualityOptions(**{**full["quality"], **(quality or {})}),
        provenance={},
        face=FaceOptions(**{**named, **(features or {})}),
    )
    return Codes(groups=arrays, quality=judged)


_FACE = ("align", "head_pose", "shuffle_time")
