"""What a split needs to know of clips, from their manifest and from what was tracked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from facewave.manifest.clips import LABELS_WANTED, Clip
from facewave.messages import listed
from facewave.splits.leaks import SplitClip, content_names
from facewave.splits.partition import SplitError
from facewave.storage.store import iter_index
from facewave.tracking.track_index import TRACK_COLUMNS


def split_clips(clips: Sequence[Clip], tracks: Iterable[Path]) -> list[SplitClip]:
    """Return what the split needs of each clip.

    Raises:
        SplitError: a clip has no label.
    """
    names = shared_contents(clips, read_digests(tracks))
    return [
        SplitClip(
            clip.clip_id,
            label_of(clip),
            subject=clip.subject,
            split=clip.split,
            take=clip.take,
            source=clip.source,
            fold=clip.fold,
            content=names[clip.clip_id],
        )
        for clip in labelled(clips)
    ]


def labelled(clips: Sequence[Clip]) -> Sequence[Clip]:
    """Return the clips, all of which have a label.

    Raises:
        SplitError: some have none.
    """
    if without := [clip.clip_id for clip in clips if clip.label is None]:
        raise SplitError(
            f"{len(without):,} of {len(clips):,} clips have no label ({listed(without)}) and "
            f"cannot be trained or tested on: {LABELS_WANTED}"
        )
    return clips


def label_of(clip: Clip) -> int:
    """Return the label of a clip that `labelled` let pass."""
    if clip.label is None:
        raise ValueError(f"clip {clip.clip_id} has no label")
    return clip.label


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
