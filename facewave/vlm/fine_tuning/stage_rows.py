"""The stages of the plan, each with clips of its own out of the training part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facewave.manifest.subsets import in_turns
from facewave.vlm.training.schedule import Rows

ADAPTATION, FINE_TUNING = "adaptation", "fine_tuning"


def stage_rows(
    clip_ids: Sequence[str],
    labels: Sequence[int],
    *,
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, Rows]:
    """Return the rows of the training part that each trained stage learns from.

    Stratified and seeded (see `facewave.manifest.subsets`). Adaptation takes the beginning of the order and
    fine-tuning its end: with a larger share a stage keeps the clips that it had, and no clip is in
    both.

    Args:
        clip_ids, labels: of the training part, n each.
        shares: of the training part, by stage: `adaptation` and `fine_tuning`.
        seed: decides which clips are whose.

    Returns:
        int64 rows by stage, ascending; at least one each.

    Raises:
        ValueError: the shares add up to more than the whole, or there are too few clips.
    """
    first, second = shares[ADAPTATION], shares[FINE_TUNING]
    if first + second > 1.0 + 1e-9:
        raise ValueError(
            f"vlm.stages: adaptation {first} and fine_tuning {second} take more than the whole "
            "training part; lower a share"
        )
    order = in_turns(clip_ids, labels, seed=seed)
    heads = max(1, round(first * len(order)))
    tails = max(1, min(round(second * len(order)), len(order) - heads))
    if heads + tails > len(order):
        raise ValueError(
            f"{len(order)} training clips are too few for two stages: add clips or choose another "
            "split.protocol"
        )
    return {
        ADAPTATION: np.sort(np.array(order[:heads], np.int64)),
        FINE_TUNING: np.sort(np.array(order[len(order) - tails :], np.int64)),
    }
