"""A part of a dataset: stratified, seeded, and nested (10 % lie within 20 %)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from facewave.manifest.clips import Clip


def choose_subset(clips: Sequence[Clip], subset: float | None, *, seed: int) -> list[Clip]:
    """Return some of the clips, in their order, with new numbers.

    Within a class the clips are ordered by a hash of seed and clip id; the classes take turns so
    that every prefix of the whole order has about the same fraction of each class. The subset is
    such a prefix: a larger one contains every smaller one, and adding or removing a clip moves at
    most one other of its class.

    Args:
        clips: of one dataset
        subset: a fraction between 0 and 1, a whole number of clips (1 is one clip), or None for
            all; a number larger than that of the clips gives all
        seed: decides which clips are chosen

    Returns:
        the clips, at least one
    """
    if subset is None:
        return list(clips)
    count = subset if isinstance(subset, int) else max(1, round(subset * len(clips)))
    if count >= len(clips):
        return list(clips)
    order = in_turns([clip.clip_id for clip in clips], [clip.label for clip in clips], seed=seed)
    chosen = [clips[place] for place in sorted(order[:count])]
    return [replace(clip, video_idx=index) for index, clip in enumerate(chosen)]


def in_turns(clip_ids: Sequence[str], labels: Sequence[int | None], *, seed: int) -> list[int]:
    """Return the positions 0 to n - 1 in the order of `choose_subset`.

    Every prefix of it, and every suffix, has about the same fraction of each class.
    """
    sizes = Counter(labels)
    by_class: defaultdict[int | None, list[tuple[bytes, int]]] = defaultdict(list)
    for place, (clip_id, label) in enumerate(zip(clip_ids, labels, strict=True)):
        by_class[label].append((_hash(seed, clip_id), place))
    ranked = [
        ((rank + 0.5) / sizes[label], digest, place)
        for label, members in by_class.items()
        for rank, (digest, place) in enumerate(sorted(members))
    ]
    return [place for _, _, place in sorted(ranked)]


def _hash(seed: int, clip_id: str) -> bytes:
    return blake2b(f"{seed} {clip_id}".encode(), digest_size=16).digest()
