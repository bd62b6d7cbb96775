"""The frames of a clip as a video that a chat model is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownVideo:
    """The frames of a clip that are shown, and when they are.

    Attributes:
        frames: uint8 (n, height, width, 3) RGB.
        indices: n places within the clip.
        total: frames of the whole clip.
        fps: frames a second of the clip.
    """

    frames: NDArray[np.uint8]
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
            height=self.frames.shape[1],
            width=self.frames.shape[2],
            duration=self.total / self.fps,
            frames_indices=list(self.indices),
        )
