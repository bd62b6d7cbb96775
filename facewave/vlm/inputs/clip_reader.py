"""The frames of the workflow's clips: decoded once for a model, with their timing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.clip_errors import UnexpectedError
from facewave.manifest.clips import read_manifest
from facewave.storage.store import shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking.face_crops import crop_face
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.trajectory import Trajectory, open_trajectory
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Read, read_here
from facewave.video.open import read_images
from facewave.vlm.inputs.frames import choose_frames, facial_motion
from facewave.vlm.inputs.kept_frames import (
    FrameSize,
    frames_path,
    read_frames,
    shrink,
    write_frames,
)

IMAGES = ("frame", "face", "beside")
# Width and height of the face's crop in pixels, before it is shrunk for a model.
_CROP = 448
# A clip that could not be tracked is shown as grey squares of the size of a thumbnail.
_GREY, _SIDE, _GREY_FPS = 127, 64, 25.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipFrames:
    """The frames of a clip that a model is shown, and when they are.

    Attributes:
        images: uint8 (n, height, width, 3) RGB.
        indices: n frame numbers within the clip.
        total: frames of the whole clip.
        fps: frames per second of the clip.
    """

    images: NDArray[np.uint8]
    indices: list[int]
    total: int
    fps: float

    @property
    def metadata(self) -> Any:
        """The timing as transformers' `VideoMetadata`."""
        from transformers.video_utils import VideoMetadata

        return VideoMetadata(
            total_num_frames=self.total,
            fps=self.fps,
            height=self.images.shape[1],
            width=self.images.shape[2],
            duration=self.total / self.fps,
            frames_indices=list(self.indices),
        )


@dataclass(frozen=True, kw_only=True)
class Media:
    """Where a clip's frames are.

    Attributes:
        path: the video or its folder of frames.
        default_fps: frames per second where the container names none.
        span_ms: of a segment, its part of the video in ms (from, before); None: all of it.
        track_key: of its trajectory, empty where the clip could not be tracked; stands for the
            bytes of the video.
        frames: number of frames that were tracked.
        fps: frames per second as they were tracked.
        content: digest of the video's bytes.
    """

    path: str
    default_fps: float
    span_ms: tuple[int, int] | None
    track_key: str
    frames: int
    fps: float = 0.0
    content: str = ""

    @property
    def tracked(self) -> bool:
        """Whether the clip could be tracked."""
        return bool(self.track_key and self.frames)


def read_media(
    manifest: Path, tracks: Sequence[str | Path], *, default_fps: float
) -> tuple[dict[str, Media], dict[str, str | None]]:
    """Return where the frames of each clip are, and each clip's text, by clip id.

    Args:
        manifest: the manifest (Parquet).
        tracks: indexes of the trajectories, of all buckets.
        default_fps: frames per second where neither container nor manifest names one.
    """
    tracked = {
        row["clip_id"]: row for index in tracks for row in iter_rows(Path(index), TRACK_COLUMNS)
    }
    clips = read_manifest(manifest)
    media = {}
    for clip in clips:
        row = tracked.get(clip.clip_id, {})
        media[clip.clip_id] = Media(
            path=clip.file_path,
            default_fps=clip.fps_hint or default_fps,
            span_ms=clip.span_ms,
            track_key=row.get("key", ""),
            frames=int(row.get("frames") or 0),
            fps=float(row.get("fps") or 0.0),
            content=row.get("content_sha256", ""),
        )
    return media, {clip.clip_id: clip.text for clip in clips}


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipReader:
    """Chooses and decodes the frames of a clip.

    Attributes:
        media: by clip id.
        store: folder of the content-addressed store.
        count: images of each clip.
        choice: `motion` or `uniform`.
        read: calls what opens a video, possibly in another process.
        image: `frame`, `face` (its aligned crop, as in `face_crops`) or `beside`: the face to the
            right of its frame, in one image.
        size: gives the size of a model's frames when the first ones are wanted: these are decoded
            once and kept in the store. None: they are decoded every time, as large as they are.
    """

    media: Mapping[str, Media]
    store: Path
    count: int
    choice: str
    read: Read = read_here
    image: str = "frame"
    size: Callable[[], FrameSize] | None = None

    @cached_property
    def _chosen(self) -> dict[str, list[int]]:
        return {}

    def indices(self, clip_id: str) -> list[int]:
        """Return which frames of a tracked clip are shown; remembered."""
        if clip_id not in self._chosen:
            clip = self._trajectory(clip_id)
            self._chosen[clip_id] = choose_frames(
                clip.detected,
                count=self.count,
                choice=self.choice,
                moving=facial_motion(clip) if self.choice == "motion" else None,
            )
        return self._chosen[clip_id]

    def images(self, clip_id: str) -> NDArray[np.uint8]:
        """Return uint8 (count, height, width, 3) RGB; see `frames`."""
        return self.frames(clip_id).images

    def frames(self, clip_id: str) -> ClipFrames:
        """Return the images with their timing; grey ones where the clip could not be tracked.

        Raises:
            UnreadableVideoError: the clip was tracked and its frames are not kept, but its video is
                gone or has changed.
        """
        media = self.media[clip_id]
        if not media.tracked:
            grey = np.full((self.count, _SIDE, _SIDE, 3), _GREY, np.uint8)
            numbers = list(range(self.count))
            return ClipFrames(images=grey, indices=numbers, total=self.count, fps=_GREY_FPS)
        if self.size is None:
            images, indices = self._decoded(clip_id)
            images = images[np.unique(indices, return_inverse=True)[1]]
        else:
            images, indices = self._kept(clip_id)
        return ClipFrames(images=images, indices=indices, total=media.frames, fps=media.fps)

    def _kept(self, clip_id: str) -> tuple[NDArray[np.uint8], list[int]]:
        """Return the frames as they are shown, and their numbers; keep them if they are not yet."""
        assert self.size is not None
        media, size = self.media[clip_id], self.size()
        path = frames_path(
            self.store,
            track_key=media.track_key,
            span_ms=media.span_ms,
            count=self.count,
            choice=self.choice,
            image=self.image,
            size=size,
        )
        kept = read_frames(path)
        if kept is None:
            images, indices = self._decoded(clip_id)
            write_frames(path, shrink(images, size), indices)
            kept = read_frames(path)
        if kept is None:
            raise OSError(f"{path}: what was written cannot be read back; look at the disk")
        return kept

    def _decoded(self, clip_id: str) -> tuple[NDArray[np.uint8], list[int]]:
        """Return each frame that is shown once, by number, and the numbers as they are shown."""
        media = self.media[clip_id]
        try:
            clip = self._trajectory(clip_id)
            times = clip.timestamp_ms
            indices = self.indices(clip_id)
            found = self.read(
                read_images,
                path=Path(media.path),
                times_ms=[int(times[index]) for index in sorted(set(indices))],
                default_fps=media.default_fps,
            )
            return np.stack(self._shown(clip, found, sorted(set(indices)))), indices
        except (UnreadableVideoError, UnexpectedError) as error:
            raise UnreadableVideoError(
                f"{media.path} (clip {clip_id}): {error}; a model that looks at images needs the "
                "videos that were tracked"
            ) from error

    def _shown(
        self, clip: Trajectory, frames: Sequence[NDArray[np.uint8]], indices: Sequence[int]
    ) -> Sequence[NDArray[np.uint8]]:
        """Return frames, or the faces in them; where a frame shows none, at its nearest place."""
        detected = np.flatnonzero(clip.detected)
        if self.image == "frame":
            return frames
        if not detected.size:
            return [_beside(frame) if self.image == "beside" else frame for frame in frames]
        near = [detected[np.abs(detected - index).argmin()] for index in indices]
        # Rows are read as a range, so in their order; a frame can be the nearest of several.
        rows, order = np.unique(clip.rows[near], return_inverse=True)
        points = clip.at("landmarks", rows)[order]
        side = [len(frame) if self.image == "beside" else _CROP for frame in frames]
        faces = [
            crop_face(frame, at, size=size)
            for frame, at, size in zip(frames, points, side, strict=True)
        ]
        if self.image == "face":
            return faces
        return [_beside(frame, face) for frame, face in zip(frames, faces, strict=True)]

    def key_parts(self, clip_id: str) -> dict[str, Any]:
        """Return what decides the frames: the video's content, its part, the chosen frames."""
        media = self.media[clip_id]
        if not media.tracked:
            return {"content": None, "span_ms": None, "frames": [], "count": self.count}
        parts = {
            "content": media.content,
            "span_ms": media.span_ms,
            "frames": self.indices(clip_id),
            "fps": media.fps,
        }
        return parts if self.image == "frame" else {**parts, "image": self.image}

    def _trajectory(self, clip_id: str) -> Trajectory:
        media = self.media[clip_id]
        return open_trajectory(
            shard_path(self.store, "tracks", media.track_key), span_ms=media.span_ms
        )


def _beside(frame: NDArray[np.uint8], face: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return a frame and, to its right, a face of its height; black without one."""
    if face is None:
        face = np.zeros((len(frame), len(frame), 3), np.uint8)
    return np.concatenate([frame, face], axis=1)


def make_reader(
    manifest: str,
    tracks: Sequence[str],
    *,
    store: str,
    default_fps: float,
    count: int,
    choice: str,
    read: Read = read_here,
    image: str = "frame",
    size: Callable[[], FrameSize] | None = None,
) -> tuple[ClipReader, dict[str, str | None]]:
    """Return the reader of a dataset's clips, and each clip's own text, by clip id.

    Args:
        manifest, tracks, default_fps: see `read_media`.
        store, count, choice, read, image, size: see `ClipReader`.
    """
    media, texts = read_media(Path(manifest), tracks, default_fps=default_fps)
    reader = ClipReader(
        media=media,
        store=Path(store),
        count=count,
        choice=choice,
        read=read,
        image=image,
        size=size,
    )
    return reader, texts
