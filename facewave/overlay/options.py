"""How overlays are drawn."""

from __future__ import annotations

from dataclasses import dataclass

FACES = ("contours", "mesh", "none")


@dataclass(frozen=True, kw_only=True)
class OverlayOptions:
    """What an overlay shows (config section `overlay`).

    Attributes:
        face: lines that are drawn on the followed face, one of `FACES`.
        max_height: largest height of the video, pixels; 0: that of the frames.
        blendshapes: number of blendshapes that have a bar, those that move most in the video.
        quality: constant rate factor of H.264: 0 (no loss) to 51; 23 is the encoder's default.
    """

    face: str = "contours"
    max_height: int = 720
    blendshapes: int = 6
    quality: int = 23
