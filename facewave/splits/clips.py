"""What a split knows of a clip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SplitClip:
    """What a split needs to know of a clip.

    Attributes:
        clip_id, label: as in the manifest.
        subject, take, source: what clips may share (the take is one of its subject).
        split, fold: the dataset's own.
        content: the same for clips with bytes in common (see `facewave.splits.leaks.content_names`); None
            where there is no file.
    """

    clip_id: str
    label: int
    subject: str | None = None
    split: str | None = None
    take: str | None = None
    source: str | None = None
    fold: str | None = None
    content: str | None = None
