"""The frames of the workflow's clips, with their timing, for models that are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facewave.vlm.inputs.pictures import ClipPictures
from facewave.vlm.inputs.shown_video import ShownVideo

# Frames a second of a clip that could not be tracked, and is shown as grey pictures.
_ANY_FPS = 25.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownClips:
    """Decodes a clip's frames when it is called with its id.

    Attributes:
        pictures: which frames, and how they are decoded.
        contents: clip id to the digest of the video's bytes.
        rates: clip id to its frames a second.
    """

    pictures: ClipPictures
    contents: dict[str, str]
    rates: dict[str, float]

    def parts(self, clip_id: str) -> dict[str, Any]:
        """Return what decides the frames: the video's content, which part, and which frames."""
        media = self.pictures.media[clip_id]
        if not (media.track_key and media.frames):
            return {"content": None, "segment": None, "frames": [], "count": self.pictures.count}
        return {
            "content": self.contents[clip_id],
            "segment": media.segment,
            "frames": self.pictures.frames(clip_id),
            "fps": self.rates[clip_id],
        }

    def __call__(self, clip_id: str) -> ShownVideo:
        """Return the frames of a clip; grey ones where it could not be tracked.

        Raises:
            UnreadableVideoError: the clip was tracked, but its video is gone or another one.
        """
        media = self.pictures.media[clip_id]
        frames = self.pictures(clip_id)
        if not (media.track_key and media.frames):
            places = list(range(len(frames)))
            return ShownVideo(frames=frames, indices=places, total=len(frames), fps=_ANY_FPS)
        return ShownVideo(
            frames=frames,
            indices=self.pictures.frames(clip_id),
            total=media.frames,
            fps=self.rates[clip_id],
        )
