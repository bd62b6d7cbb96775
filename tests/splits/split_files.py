"""Small split files for tests."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SHAPES = {"landmarks": (2, 3, 2), "blendshapes": (2, 4)}
CLASSES = ("neutral", "happy", "sad")


def toy(n, *, seed=0, signal=3.0, invalid=0, n_classes=3):
    """Return columns of n clips whose class shows in the first blendshapes' values."""
    random = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    landmarks = random.normal(size=(n, 12)).astype(np.float32)
    blendshapes = random.normal(size=(n, 8)).astype(np.float32)
    blendshapes[np.arange(n), labels] += signal
    valid = np.arange(n) >= invalid
    landmarks[~valid], blendshapes[~valid] = 0, 0
    return {
        "clip_id": [f"s{seed}_{i:03d}" for i in range(n)],
        "label": labels,
        "valid": valid,
        "landmarks": landmarks,
        "blendshapes": blendshapes,
    }


def write_split(
    path,
    columns,
    *,
    classes=CLASSES,
    shapes=SHAPES,
    features=None,
    metadata=True,
    row_group_size=100,
    more=None,
):
    """Write a split as the workflow's own writer lays it out; `label_distribution` where given."""
    arrays = {
        "clip_id": pa.array(columns["clip_id"], pa.string()),
        "label": pa.array(columns["label"], pa.int32()),
        "actual": pa.array(
            [classes[i] if 0 <= i < len(classes) else "?" for i in columns["label"]]
        ),
        "subject": pa.array(columns.get("subject", [None] * len(columns["clip_id"])), pa.string()),
        "take": pa.array(columns.get("take", [None] * len(columns["clip_id"])), pa.string()),
        "source": pa.array(columns.get("source", [None] * len(columns["clip_id"])), pa.string()),
        "file_path": pa.array(columns.get("file_path", columns["clip_id"]), pa.string()),
        "valid": pa.array(columns["valid"], pa.bool_()),
    }
    if "label_distribution" in columns:
        kind = pa.list_(pa.float32())
        arrays["label_distribution"] = pa.array(columns["label_distribution"], kind)
    for name in shapes:
        values = np.asarray(columns[name], np.float32)
        arrays[name] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
    content = {
        "classes": list(classes),
        "shapes": {name: list(shape) for name, shape in shapes.items()},
        "features": {"layout": "segments"} if features is None else features,
        "data_sha256": f"digest of {len(columns['clip_id'])} clips",
        **(more or {}),
    }
    table = pa.table(arrays)
    if metadata:
        table = table.replace_schema_metadata({b"facewave": json.dumps(content).encode()})
    pq.write_table(table, path, row_group_size=row_group_size)
    return path
