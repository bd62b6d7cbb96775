"""The pictures of a clip: decoded when they are wanted, or their features, kept on disk."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from facewave.manifest.clips import read_manifest
from facewave.storage.store import content_key, frame_step, shard_path
from facewave.storage.tables import iter_rows
from facewave.tracking.track_bucket import TRACK_COLUMNS
from facewave.video.decode import UnreadableVideoError
from facewave.vlm.inputs.frames import choose_frames, detected_frames, facial_motion, read_frames
from facewave.vlm.paligemma.processor import prepare_pictures, resolution
from facewave.vlm.training.checkpoint import load_state, save_state
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.schedule import of_rank

_log = logging.getLogger("facewave")

# What a clip shows that could not be tracked: a grey square of the size of a thumbnail.
_GREY, _SIDE = 127, 64


@dataclass(frozen=True, kw_only=True)
class Media:
    """Where a clip's frames are.

    Attributes:
        path: the video or its folder of frames.
        fps: frames a second where the container names none.
        segment: range of frames of a segment, None for a whole video.
        track_key: of its trajectory, empty where the clip could not be tracked; stands for the
            bytes of the video.
        frames: decoded when it was tracked.
    """

    path: str
    fps: float
    segment: tuple[int, int] | None
    track_key: str
    frames: int


def read_media(
    manifest: Path, tracks: Sequence[str | Path], *, default_fps: float
) -> tuple[dict[str, Media], dict[str, str | None]]:
    """Return where the frames of each clip are, and each clip's text, by clip id."""
    tracked = {
        row["clip_id"]: row for index in tracks for row in iter_rows(Path(index), TRACK_COLUMNS)
    }
    clips = read_manifest(manifest)
    media = {}
    for clip in clips:
        row = tracked.get(clip.clip_id, {})
        media[clip.clip_id] = Media(
            path=clip.file_path,
            fps=clip.fps_hint or default_fps,
            segment=clip.frames,
            track_key=row.get("key", ""),
            frames=int(row.get("frames") or 0),
        )
    return media, {clip.clip_id: clip.text for clip in clips}


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipPictures:
    """Decodes the pictures of a clip when it is called with its id.

    Attributes:
        media: by clip id.
        store: folder of the content-addressed store.
        count: pictures of a clip.
        choice: `motion` or `uniform`.
    """

    media: Mapping[str, Media]
    store: Path
    count: int
    choice: str

    @cached_property
    def _chosen(self) -> dict[str, list[int]]:
        return {}

    def frames(self, clip_id: str) -> list[int]:
        """Return the frames that are shown of a clip that has any; remembered."""
        if clip_id not in self._chosen:
            media = self.media[clip_id]
            shard = shard_path(self.store, "tracks", media.track_key)
            self._chosen[clip_id] = choose_frames(
                detected_frames(shard),
                count=self.count,
                choice=self.choice,
                moving=facial_motion(shard) if self.choice == "motion" else None,
            )
        return self._chosen[clip_id]

    def __call__(self, clip_id: str) -> NDArray[np.uint8]:
        """Return uint8 (count, height, width, 3) RGB; grey where the clip could not be tracked.

        Raises:
            UnreadableVideoError: the clip was tracked, but its video is gone or another one.
        """
        media = self.media[clip_id]
        if not (media.track_key and media.frames):
            return np.full((self.count, _SIDE, _SIDE, 3), _GREY, np.uint8)
        try:
            return read_frames(
                Path(media.path),
                self.frames(clip_id),
                default_fps=media.fps,
                segment=media.segment,
                step=frame_step(shard_path(self.store, "tracks", media.track_key)),
            )
        except UnreadableVideoError as error:
            raise UnreadableVideoError(
                f"{media.path} (clip {clip_id}): {error}; a model that looks at pictures needs the "
                "videos that were tracked"
            ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedFeatures:
    """The frozen vision tower's output for the pictures of a clip, kept in the store.

    Attributes:
        pictures: decodes them.
        model: has `image_features` and `base.model.vision_tower`.
        processor: of the model.
    """

    pictures: ClipPictures
    model: Any
    processor: Any

    @cached_property
    def _tower(self) -> str:
        """Digest of the vision tower's weights: other ones give other features."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.base.model.vision_tower.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def path(self, clip_id: str) -> Path:
        """Return where the features of a clip lie; its key holds everything that decides them."""
        media = self.pictures.media[clip_id]
        known = bool(media.track_key and media.frames)
        key = content_key(
            stage="image_features",
            tower=self._tower,
            dtype=str(self.model.base.dtype),
            pixels=resolution(self.processor),
            clip=media.track_key,
            frames=self.pictures.frames(clip_id) if known else [-1] * self.pictures.count,
        )
        return shard_path(self.pictures.store, "image_features", key).with_suffix(".safetensors")

    def __call__(self, clip_id: str) -> Tensor:
        """Return the features of a clip, (count, patches, image width)."""
        return load_state(self.path(clip_id))[0]["features"]

    def fill(self, clip_ids: Sequence[str], *, context: Any, ranks: Ranks) -> None:
        """Compute what is not on disk; tell first how much that is.

        Args:
            clip_ids: of all clips that will be asked for.
            context: makes the context in which the model computes (`answers.precision`).
            ranks: share the clips out.
        """
        missing = [clip_id for clip_id in clip_ids if not self.path(clip_id).exists()]
        each = self._bytes_each()
        folder = self.pictures.store / "image_features"
        _log.info(
            "features of pictures: %d of %d clips to compute, %.2f MB a clip, %.2f GB in %s",
            *(len(missing), len(clip_ids), each / 1e6, each * len(clip_ids) / 1e9, folder),
        )
        for _, place in of_rank(
            [np.array([i]) for i in range(len(missing))], rank=ranks.rank, ranks=ranks.count
        ):
            self._compute(missing[int(place[0])], context=context, device=ranks.device)
        ranks.wait()

    def _bytes_each(self) -> int:
        config = self.model.base.config.vision_config
        patches = (config.image_size // config.patch_size) ** 2
        size = torch.empty(0, dtype=self.model.base.dtype).element_size()
        return int(self.pictures.count * patches * config.hidden_size * size)

    def _compute(self, clip_id: str, *, context: Any, device: torch.device) -> None:
        pixels = prepare_pictures(self.processor, list(self.pictures(clip_id)))
        with torch.inference_mode(), context():
            features = self.model.image_features(pixels[None].to(device))[0]
        save_state(self.path(clip_id), {"features": features.to(self.model.base.dtype)}, {})
