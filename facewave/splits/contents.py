"""What a split needs to know of clips, from their manifest and from what was tracked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from facewave.manifest.clips import Clip
from facewave.splits.leaks import SplitClip, content_names
from facewave.storage.store import iter_index
from facewave.tracking.track_bucket import TRACK_COLUMNS


def split_clips(clips: Sequence[Clip], tracks: Iterable[Path]) -> list[SplitClip]:
    """Return what the split needs of each clip."""
    names = shared_contents(clips, read_digests(tracks))
    return [
        SplitClip(
            clip.clip_id,
            clip.label,
            subject=clip.subject,
            split=clip.split,
            take=clip.take,
            source=clip.source,
            fold=clip.fold,
            content=names[clip.clip_id],
        )
        for clip in clips
    ]


def read_digests(tracks: Iterable[Path]) -> dict[str, str]:
    """Return the digest of each clip's bytes, from the indexes of all buckets."""
    return {
        row["clip_id"]: row["content_sha256"]
        for path in tracks
        for row in iter_index(path, TRACK_COLUMNS)
    }


def shared_contents(clips: Iterable[Clip], digests: Mapping[str, str]) -> dict[str, str | None]:
    """Return what clips with bytes in common share, by clip id; see `content_names`."""
    return content_names(
        {clip.clip_id: (digests.get(clip.clip_id, ""), clip.span_ms) for clip in clips}
    )
