"""What ties clips together, so that they must not lie in two parts of a split.

A person, a take of a person, the movie or recording that clips were cut from, and identical bytes:
a test clip that shares one of them with a training clip tests nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from facewave.natural_order import natural_key

KINDS = ("subject", "take", "source", "content")
_PLURAL = {
    "subject": "subjects",
    "take": "takes",
    "source": "sources",
    "content": "clips with identical bytes",
}
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class SplitClip:
    """What a split needs to know of a clip.

    Attributes:
        clip_id, label: as in the manifest.
        subject, take, source: what clips may share (a take belongs to its subject).
        split, fold: the dataset's own.
        content: the same for clips with bytes in common (see `content_names`); None where there is
            no file.
    """

    clip_id: str
    label: int
    subject: str | None = None
    split: str | None = None
    take: str | None = None
    source: str | None = None
    fold: str | None = None
    content: str | None = None


def tied_groups(clips: Sequence[SplitClip], kinds: Collection[str]) -> list[list[SplitClip]]:
    """Group the clips that share something, directly or through other clips.

    Args:
        clips: of one dataset.
        kinds: what ties clips together, of `KINDS`.

    Returns:
        groups in the order of their first clips, each in the order of `clips`.
    """
    leader = list(range(len(clips)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    first: dict[tuple[str, ...], int] = {}
    for index, clip in enumerate(clips):
        for tie in _ties(clip, kinds):
            one, other = find(first.setdefault(tie, index)), find(index)
            leader[max(one, other)] = min(one, other)
    groups: defaultdict[int, list[SplitClip]] = defaultdict(list)
    for index, clip in enumerate(clips):
        groups[find(index)].append(clip)
    return list(groups.values())


def find_leaks(
    clips: Sequence[SplitClip], parts: Mapping[str, str], kinds: Collection[str]
) -> list[str]:
    """Return one line of text for each kind of tie that reaches from one part into another.

    Args:
        clips: of one dataset.
        parts: part of each clip id.
        kinds: which ties count, of `KINDS`.
    """
    members: defaultdict[tuple[str, ...], list[SplitClip]] = defaultdict(list)
    for clip in clips:
        for tie in _ties(clip, kinds):
            members[tie].append(clip)
    leaks: defaultdict[str, list[str]] = defaultdict(list)
    for tie, tied in members.items():
        where = {parts[clip.clip_id]: clip.clip_id for clip in reversed(tied)}
        if len(where) > 1:
            examples = ", ".join(f"{clip_id} in {part}" for part, clip_id in sorted(where.items()))
            name = "" if tie[0] == "content" else f"{' '.join(tie[1:])}: "
            leaks[tie[0]].append(name + examples)
    return [_described(kind, found) for kind, found in leaks.items()]


def content_names(
    contents: Mapping[str, tuple[str, tuple[int, int] | None]],
) -> dict[str, str | None]:
    """Return for each clip a name that it shares with the clips that have bytes in common with it.

    A whole video has bytes in common with all its segments, and a segment with those that it
    overlaps; windows of which each overlaps the next all have the same name.

    Args:
        contents: clip id to the digest of the file's bytes (empty without a file) and the part of
            the video of a segment in ms (from, before), None for a whole video.

    Returns:
        clip id to name; None without a file.
    """
    names: dict[str, str | None] = dict.fromkeys(contents)
    ranges: defaultdict[str, list[tuple[float, float, str]]] = defaultdict(list)
    for clip_id, (digest, span) in contents.items():
        if digest:
            ranges[digest].append((*(span or (0, math.inf)), clip_id))
    for digest, members in ranges.items():
        first, reached = 0.0, 0.0
        for start, end, clip_id in sorted(members):
            first, reached = (start, end) if start >= reached else (first, max(reached, end))
            names[clip_id] = f"{digest} from {first:.0f} ms"
    return names


def _described(kind: str, found: Sequence[str]) -> str:
    examples = "; ".join(sorted(found, key=natural_key)[:_SHOWN])
    more = "; …" if len(found) > _SHOWN else ""
    return f"{len(found)} {_PLURAL[kind]} in more than one part: {examples}{more}"


def _ties(clip: SplitClip, kinds: Collection[str]) -> Iterator[tuple[str, ...]]:
    if "subject" in kinds and clip.subject is not None:
        yield "subject", clip.subject
    if "take" in kinds and clip.take is not None:
        # Takes are numbered for each person separately.
        yield "take", clip.subject or "", clip.take
    if "source" in kinds and clip.source is not None:
        yield "source", clip.source
    if "content" in kinds and clip.content is not None:
        yield "content", clip.content
