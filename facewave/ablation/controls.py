"""Controls of an ablation: shuffled labels, which teach nothing, and the clip's length alone.

Labels are shuffled by the training (`TrainingJob.shuffle_labels`), anew for each seed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from facewave.mlp.options import MlpOptions
from facewave.splits.read import SplitTable, read_split
from facewave.storage.parquet import read_parquet

# The feature group that holds the clip's length: it needs a name that the network accepts.
_LENGTH = "pose"


SHUFFLED_LABELS = "shuffled_labels"


def read_variant(path: Path, *, options: MlpOptions, control: str | None) -> SplitTable:
    """Read a part of a split as a control changes it.

    Args:
        path: the Parquet file.
        options: of the network, from `control_options`.
        control: `clip_length` (the only input, as log(1 + frames)), another one or None.
    """
    if control == "clip_length":
        table = read_split(path, groups=())
        frames = read_parquet(path, ["frames"])["frames"].to_numpy()
        length = np.log1p(frames).astype(np.float32)[:, np.newaxis]
        return replace(table, groups={_LENGTH: length}, shapes={_LENGTH: (1, 1)})
    return read_split(path, groups=options.inputs)


def control_options(options: MlpOptions, control: str | None) -> MlpOptions:
    """Return the network's options for a control."""
    return replace(options, inputs=(_LENGTH,)) if control == "clip_length" else options
