"""A part of a dataset: stratified, seeded, and nested (10 % lie within 20 %)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from facewave.manifest import Clip


def choose_subset(clips: Sequence[Clip], subset: float | None, *, seed: int) -> list[Clip]:
    """Return some of the clips, in their order, numbered anew.

    Within a class the clips are ordered by a hash of seed and clip id; the classes take turns so
    that every beginning of the whole order has about the same share of each class. The subset is
    such a beginning: a larger one holds every smaller one, and a clip that comes or goes moves at
    most one other of its class.

    Args:
        clips: of one dataset
        subset: a share between 0 and 1, a whole number of clips (1 is one clip), or None for all;
            a number above that of the clips gives all
        seed: decides which clips are chosen

    Returns:
        the clips, at least one
    """
    if subset is None:
        return list(clips)
    count = subset if isinstance(subset, int) else max(1, round(subset * len(clips)))
    if count >= len(clips):
        return list(clips)
    chosen = {clip.clip_id for clip in _in_turns(clips, seed)[:count]}
    kept = (clip for clip in clips if clip.clip_id in chosen)
    return [replace(clip, video_idx=index) for index, clip in enumerate(kept)]


def _in_turns(clips: Sequence[Clip], seed: int) -> list[Clip]:
    sizes = Counter(clip.label for clip in clips)
    by_class: defaultdict[int, list[tuple[bytes, Clip]]] = defaultdict(list)
    for clip in clips:
        by_class[clip.label].append((_hash(seed, clip.clip_id), clip))
    ranked = [
        ((rank + 0.5) / sizes[label], digest, clip)
        for label, members in by_class.items()
        for rank, (digest, clip) in enumerate(sorted(members, key=lambda member: member[0]))
    ]
    return [clip for _, _, clip in sorted(ranked, key=lambda item: item[:2])]


def _hash(seed: int, clip_id: str) -> bytes:
    return blake2b(f"{seed} {clip_id}".encode(), digest_size=16).digest()
