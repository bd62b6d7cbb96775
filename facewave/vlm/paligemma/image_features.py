"""The frozen vision tower's output for the images of each clip, kept in the store."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facewave.jobs.ahead import ahead
from facewave.storage.store import clip_shard
from facewave.versions import SHOWN_FRAME_VERSION
from facewave.vlm.inputs.clip_reader import ClipReader
from facewave.vlm.paligemma.batch import prepare_images, resolution
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.weights import load_state, save_state

_log = logging.getLogger("facewave")
STAGE = "image_features"


@dataclass(frozen=True, kw_only=True, eq=False)
class CachedFeatures:
    """The features of clips, computed once.

    Attributes:
        reader: decodes the images.
        model: a `FaceVlm` of PaliGemma.
        processor: of the model.
    """

    reader: ClipReader
    model: Any
    processor: Any

    @cached_property
    def _tower(self) -> str:
        """Digest of the vision tower's weights: other weights give other features."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.base.model.vision_tower.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def path(self, clip_id: str) -> Path:
        """Return where the features of a clip lie; the key holds everything that decides them."""
        media = self.reader.media[clip_id]
        path = clip_shard(
            self.reader.store,
            STAGE,
            media.track_key or "untracked",
            version=SHOWN_FRAME_VERSION,
            tower=self._tower,
            dtype=str(self.model.base.dtype),
            pixels=resolution(self.processor),
            span_ms=media.span_ms,
            count=self.reader.count,
            choice=self.reader.choice,
            image=self.reader.image,
        )
        return path.with_suffix(".safetensors")

    def __call__(self, clip_id: str) -> Tensor:
        """Return the features of a clip, (count, patches, image width)."""
        return load_state(self.path(clip_id))[0]["features"]

    def fill(self, clip_ids: Sequence[str], *, ranks: Ranks) -> None:
        """Compute what is not on disk; first log how much that is.

        Args:
            clip_ids: of all clips whose features will be needed.
            ranks: the processes that divide the clips among themselves.
        """
        missing = [clip_id for clip_id in clip_ids if not self.path(clip_id).exists()]
        each = self._bytes_per_clip()
        folder = self.reader.store / STAGE
        _log.info(
            "features of images: %d of %d clips to compute, %.2f MB per clip, %.2f GB in %s",
            *(len(missing), len(clip_ids), each / 1e6, each * len(clip_ids) / 1e9, folder),
        )
        mine = missing[ranks.rank :: ranks.count]
        threads = max(2, torch.get_num_threads())
        for clip_id, pixels in zip(mine, ahead(self._pixels, mine, threads=threads), strict=True):
            self._compute(clip_id, pixels.to(ranks.device))
        ranks.barrier()

    def _bytes_per_clip(self) -> int:
        config = self.model.base.config.vision_config
        patches = (config.image_size // config.patch_size) ** 2
        size = torch.empty(0, dtype=self.model.base.dtype).element_size()
        return int(self.reader.count * patches * config.hidden_size * size)

    def _pixels(self, clip_id: str) -> Tensor:
        pixels: Tensor = prepare_images(self.processor, list(self.reader.images(clip_id)))
        return pixels

    def _compute(self, clip_id: str, pixels: Tensor) -> None:
        with torch.inference_mode():
            features = self.model.backbone.image_features(pixels[None])[0]
        save_state(self.path(clip_id), {"features": features.to(self.model.base.dtype)}, {})
