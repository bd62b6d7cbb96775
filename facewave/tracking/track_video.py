"""One video to one trajectory shard: decode, find the faces, say which are the same person's."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.storage.store import write_shard
from facewave.tracking.appearance import PictureChange, face_patch, thumbnail
from facewave.tracking.dissolves import Dissolves
from facewave.tracking.face_tracker import face_tracker
from facewave.tracking.frame_pictures import FramePictures
from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS, Faces, LandmarkerOptions
from facewave.tracking.linking import Linker
from facewave.tracking.second_look import SECOND_LOOK_BELOW, TOO_SMALL, Samples, View, choose_view
from facewave.versions import TRACK_VERSION
from facewave.video.decode import BeyondLimitsError, Limits, UnreadableVideoError, Video
from facewave.video.open import open_video

# Detections beyond this many bytes go to disk, so that memory does not grow with the video.
_SPOOL_BYTES = 32 * 1024 * 1024
_CHUNK = 1024
# Frames are decoded ahead until what the tracker sees of them has so many bytes.
_BURST_BYTES = 2 << 20
POINTS = "mediapipe_478"

_RECORD = np.dtype(
    [
        ("landmarks", "<f4", (N_LANDMARKS, 3)),
        ("blendshapes", "<f4", (N_BLENDSHAPES,)),
        ("transform", "<f4", (4, 4)),
    ]
)


@dataclass(frozen=True)
class TrackSummary:
    """What is known of a video after tracking, stored in its shard's metadata.

    Attributes:
        width, height: pixels.
        fps: mean frames per second.
        frames: frames that were tracked.
        frames_decoded, frames_announced: frames that could be decoded, and that the video stream
            holds; both count frames that `max_fps` leaves out.
        error: why there is no trajectory; empty if there is one.
        notes: oddities in words that do not make a clip invalid.
        unseen: why hardly any face was found, as far as a second look could tell; else empty.
    """

    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    frames_decoded: int = 0
    frames_announced: int = 0
    error: str = ""
    notes: str = ""
    unseen: str = ""


@dataclass(frozen=True, kw_only=True)
class TrackJob:
    """One video to be tracked.

    Attributes:
        video_path: the video.
        shard: where its trajectory shard is written, atomically.
        model: FaceLandmarker bundle, already checked.
        options: of the landmarker.
        default_fps: frames per second where the file names no times.
        provenance: further metadata of the shard, JSON-serialisable.
        limits: what the video may be at most.
    """

    video_path: Path
    shard: Path
    model: Path
    options: LandmarkerOptions
    default_fps: float
    provenance: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)


@dataclass
class _Detections:
    """Frames and faces of a video in order; what is large lies in the spool, one row per face."""

    spool: IO[bytes]
    timestamps: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    boxes: list[NDArray[np.float64]] = field(default_factory=list)
    tracklets: list[int] = field(default_factory=list)
    linker: Linker = field(default_factory=Linker)
    faceless: Samples = field(default_factory=Samples)
    pictures: FramePictures = field(default_factory=FramePictures)

    def seen(self) -> int:
        """Return the number of frames with a face."""
        return sum(count > 0 for count in self.counts)


def software() -> dict[str, str]:
    """Return the versions of the packages that decide a trajectory, for keys and shards."""
    return {name: _version(name) for name in ("mediapipe", "av")}


@lru_cache
def _version(package: str) -> str:
    # Loads the package email, which takes longer than NumPy; only jobs that track ask.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def track_video(job: TrackJob, *, on_frame: Callable[[], None] = lambda: None) -> TrackSummary:
    """Track the faces of a video and write its trajectory shard.

    The shard holds, for T frames with R faces in all: `timestamp_ms` int64 (T,), times since the
    first frame; `face_count` uint8 (T,); and a row per face, in the order of the frames: `frame`
    int32 (R,), `person` int32 (R,), who it is, `box` float32 (R, 4), `landmarks` float32
    (R, 478, 3) in normalised image coordinates, `blendshapes` float32 (R, 52), `transform` float32
    (R, 4, 4). `cuts`, int32, are the frames before which the picture was cut. `thumbnails`, uint8
    (K, h, w, 3), are small pictures of the frames `thumbnail_frame`, int32 (K,).
    `facewave.tracking.trajectory` reads it.

    Args:
        job: the video, and how it is tracked.
        on_frame: called before each frame is processed.

    Returns:
        The summary. A video that cannot be decoded has T = 0 and an `error`.

    Raises:
        LandmarkerError, MissingSystemLibraryError: if no landmarker can be made.
        BeyondLimitsError: if it is larger or longer than `job.limits`.
        RuntimeError, ValueError: if MediaPipe fails in a frame.
        OSError: if the video cannot be read or the shard cannot be written: the machine's fault.
    """
    folder = job.shard.parent
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as spools:
        try:
            found, summary = _track(job, spools, on_frame)
        except BeyondLimitsError:
            raise  # not kept: with other limits it may be readable
        except UnreadableVideoError as error:
            found, summary = _Detections(_spool(job, spools)), TrackSummary(error=str(error))
        metadata = {
            **asdict(summary),
            "points": POINTS,
            "facewave_version": __version__,
            "track_version": TRACK_VERSION,
            "software": software(),
            "machine": platform.machine(),
            **job.provenance,
        }
        write_shard(job.shard, _arrays(found), metadata)
    return summary


def _spool(job: TrackJob, spools: ExitStack) -> IO[bytes]:
    folder = str(job.shard.parent)
    return spools.enter_context(tempfile.SpooledTemporaryFile(_SPOOL_BYTES, dir=folder))


def _track(
    job: TrackJob, spools: ExitStack, on_frame: Callable[[], None]
) -> tuple[_Detections, TrackSummary]:
    """Track a video; where hardly a face is found, look closer and track it again."""
    found, video = _look(job, spools, on_frame, view=None)
    if found.seen() >= SECOND_LOOK_BELOW * len(found.counts):
        return found, _summarise(video, found)
    second = choose_view(found.faceless.images, job.model, job.options)
    if second.view is None:
        small = second.reason == TOO_SMALL and not found.seen()
        unseen = "one was seen that is too small to be tracked" if small else ""
        return found, replace(_summarise(video, found), unseen=unseen)
    closer, video_again = _look(job, spools, on_frame, view=second.view)
    if closer.seen() <= found.seen():
        return found, _summarise(video, found)
    video_again.notes.append(second.view.note())
    return closer, _summarise(video_again, closer)


def _look(
    job: TrackJob, spools: ExitStack, on_frame: Callable[[], None], *, view: View | None
) -> tuple[_Detections, Video]:
    found = _Detections(_spool(job, spools))
    with open_video(job.video_path, default_fps=job.default_fps, limits=job.limits) as video:
        video.max_fps, video.max_side = job.options.max_fps, job.options.max_side
        _detect(video, found, job, on_frame, view)
    return found, video


def _detect(
    video: Video,
    found: _Detections,
    job: TrackJob,
    on_frame: Callable[[], None],
    view: View | None,
) -> None:
    for picture, faces in detected_faces(video, job, on_frame, view):
        tracklets = found.linker.add(
            picture.index,
            picture.ms,
            faces.boxes,
            partial(_patch, picture.image, faces),
            cut=picture.cut or picture.blended_ms is not None,
            blended_ms=picture.blended_ms,
        )
        found.timestamps.append(picture.ms)
        found.counts.append(len(faces))
        found.pictures.see(picture.index, picture.ms, picture.image, face=len(faces) > 0)
        if len(faces) == 0:
            found.faceless.add(picture.image)
            continue
        # In the order of `_RECORD`.
        for row in zip(faces.landmarks, faces.blendshapes, faces.transforms, strict=True):
            found.spool.write(b"".join(part.tobytes() for part in row))
        found.frames += [picture.index] * len(faces)
        found.boxes += list(faces.boxes)
        found.tracklets += tracklets


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame and what its picture alone tells.

    Attributes:
        index, ms: number and time of the frame.
        image: uint8 (height, width, 3) RGB.
        shown: what the tracker sees of it; the image itself but for a second look.
        cut: whether the picture was cut before it.
        blended_ms: since when a dissolve lasted that is over with it; None: there was none.
    """

    index: int
    ms: int
    image: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    cut: bool
    blended_ms: int | None


def detected_faces(
    video: Video,
    job: TrackJob,
    on_frame: Callable[[], None] = lambda: None,
    view: View | None = None,
) -> Iterator[tuple[Picture, Faces]]:
    """Yield each frame of a video with its faces.

    Args:
        video: open and not read yet.
        job: model and options of the landmarker.
        on_frame: called before each frame is given to MediaPipe.
        view: of a second look; None: whole frames.

    Raises:
        What `track_video` raises.
    """
    with face_tracker(job.model, job.options) as tracker:
        for burst in _bursts(video, view):
            faces = []
            for picture in burst:
                on_frame()
                faces.append(tracker.detect(picture.shown, picture.ms, cut=picture.cut))
            yield from zip(burst, faces if view is None else map(view.restore, faces), strict=True)


def _bursts(video: Video, view: View | None) -> Iterator[list[Picture]]:
    """Yield the frames of a video, several at once if they are small.

    MediaPipe's models drive everything else out of the processor's cache: what is done for several
    frames between two turns of theirs takes less time (docs/performance.md).
    """
    change, dissolves = PictureChange(), Dissolves()
    burst, held = list[Picture](), 0
    for index, frame in enumerate(video.frames()):
        shown = frame.image if view is None else view.apply(frame.image)
        small = thumbnail(shown)
        cut = change.add(small)
        blended_ms = dissolves.add(small if view is None else thumbnail(frame.image), frame.ms)
        burst.append(Picture(index, frame.ms, frame.image, shown, cut, blended_ms))
        held += shown.nbytes
        if held >= _BURST_BYTES:
            yield burst
            burst, held = [], 0
    if burst:
        yield burst


def _patch(image: NDArray[np.uint8], faces: Faces, row: int) -> NDArray[np.float32]:
    return face_patch(image, faces.landmarks[row])


def _summarise(video: Video, found: _Detections) -> TrackSummary:
    notes = []
    if video.fps_assumed:
        notes.append(f"no times in the file: {video.fps:g} frames per second assumed")
    if max(found.counts) > 1:
        notes.append(f"up to {max(found.counts)} faces at once")
    return TrackSummary(
        width=video.width,
        height=video.height,
        fps=video.fps,
        frames=len(found.timestamps),
        frames_decoded=video.frames_decoded,
        frames_announced=video.frames_announced,
        notes="; ".join([*notes, *video.notes]),
    )


def _arrays(found: _Detections) -> dict[str, Any]:
    rows = len(found.frames)
    persons = found.linker.persons()
    return {
        "timestamp_ms": np.array(found.timestamps, "<i8"),
        "face_count": np.array(found.counts, np.uint8),
        "frame": np.array(found.frames, "<i4"),
        "person": persons[np.array(found.tracklets, int)].astype("<i4"),
        "box": np.array(found.boxes, "<f4").reshape(rows, 4),
        "cuts": np.array(found.linker.cuts, "<i4"),
        **{
            name: ((rows, *_RECORD[name].shape), "<f4", _spooled(found.spool, rows, name))
            for name in ("landmarks", "blendshapes", "transform")
        },
        **found.pictures.arrays(),
    }


def _spooled(spool: IO[bytes], rows: int, name: str) -> Iterator[NDArray[np.float32]]:
    """Yield the values of `name` of all faces in chunks."""
    spool.seek(0)
    for start in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - start)
        yield np.frombuffer(spool.read(count * _RECORD.itemsize), _RECORD)[name]
