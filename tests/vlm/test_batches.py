"""The order of clips in a training."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.versions import VLM_VERSION
from facewave.vlm.training.batches import batches_of_rank, epoch_steps, micro_batch_seed


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
def test_an_epoch_has_every_clip_once_whatever_the_ranks(clips, batch_size, accumulation, epoch):
    steps = epoch_steps(
        clips, batch_size=batch_size, accumulation=accumulation, seed=1, epoch=epoch
    )
    joined = np.concatenate([batch for step in steps for batch in step])
    assert sorted(joined.tolist()) == list(range(clips))
    for ranks in (1, 2, 4):
        for step in steps:
            parts = [batches_of_rank(step, rank=rank, ranks=ranks) for rank in range(ranks)]
            shared = sorted((number, batch.tolist()) for part in parts for number, batch in part)
            assert shared == [(number, batch.tolist()) for number, batch in enumerate(step)]


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        steps = epoch_steps(50, batch_size=4, accumulation=2, seed=seed, epoch=epoch)
        return np.concatenate([batch for step in steps for batch in step]).tolist()

    assert order(1, 1) == order(1, 1)
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (1, 2)}) == 4
    seeds = {
        micro_batch_seed(1, epoch=e, step=s, number=p)
        for e in (1, 2)
        for s in (0, 1)
        for p in (0, 1)
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_what_the_seed_decides_stays_as_it_is():
    """Frozen: raise VLM_VERSION where it changes."""
    steps = epoch_steps(7, batch_size=3, accumulation=2, seed=5, epoch=2)
    assert VLM_VERSION == 4
    assert [[batch.tolist() for batch in step] for step in steps] == [
        *([[0, 4, 5], [3, 1, 2]], [[6]]),
    ]
    assert micro_batch_seed(5, epoch=2, step=1, number=3) == 6615342205916136666
