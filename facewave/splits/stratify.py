"""Groups of clips divided into parts, so that each part has its share of every class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence


def divide(
    groups: Mapping[str, Sequence[int]], shares: Mapping[str, float], *, least: int = 1
) -> dict[str, str]:
    """Return the part of each group.

    Greedy: each group in turn goes to the part whose class counts and size it brings nearest to
    their targets (squared distance, relative to the target). The size counts because classes of a
    few clips each would all go to the largest part. No part has less than `least` groups.

    Args:
        groups: name to the labels of its clips, the largest groups first; at least `least` for
            each part.
        shares: part to its share of the clips; they sum up to 1.
        least: groups of a part, at least.
    """
    totals = _class_counts([label for labels in groups.values() for label in labels])
    targets = {
        part: {label: share * count for label, count in totals.items()}
        for part, share in shares.items()
    }
    counts: dict[str, Counter[int | None]] = {part: Counter() for part in shares}
    chosen: dict[str, list[str]] = {part: [] for part in shares}
    for name, members in groups.items():
        labels = _class_counts(members)
        part = min(shares, key=lambda p: _cost(labels, counts[p], targets[p]))
        counts[part] += labels
        chosen[part].append(name)
    _fill_small_parts(chosen, groups, least)
    return {name: part for part, names in chosen.items() for name in names}


def _class_counts(labels: Sequence[int]) -> Counter[int | None]:
    """Count the clips of each class and, under None, all of them."""
    return Counter([*labels, *[None] * len(labels)])


def _cost(
    labels: Counter[int | None], have: Counter[int | None], target: Mapping[int | None, float]
) -> float:
    # The size weighs as much as all classes together. fsum is exact, so that the order in which
    # the classes come cannot decide a near tie.
    return math.fsum(
        ((have[label] + more - target[label]) ** 2 - (have[label] - target[label]) ** 2)
        / target[label]
        * (len(target) - 1 if label is None else 1)
        for label, more in labels.items()
    )


def _fill_small_parts(
    chosen: dict[str, list[str]], groups: Mapping[str, Sequence[int]], least: int
) -> None:
    for part, names in chosen.items():
        while len(names) < least:
            giver = max(chosen, key=lambda p: len(chosen[p]))
            smallest = min(chosen[giver], key=lambda name: len(groups[name]))
            chosen[giver].remove(smallest)
            chosen[part].append(smallest)
