"""A small dataset of made-up features, written as splits."""

import numpy as np

from facewave.manifest.clips import Clip
from facewave.splits import write as module
from facewave.splits.write import write_splits
from facewave.storage.store import shard_path, write_shard

SHAPES = {"landmarks": (2, 5, 3), "blendshapes": (2, 4)}
CLASSES = ["neutral", "happy"]


class Dataset:
    """Clips whose features lie in a store, in two buckets; every fifth clip is not valid."""

    def __init__(self, folder, count=20):
        self.folder, self.store = folder, folder / "store"
        self.clips, self.index, self.features = [], {}, {}
        for i in range(count):
            self.add(f"c{i:03}", valid=i % 5 != 4)

    def add(self, clip_id, *, valid=True):
        number = len(self.clips)
        values = np.random.default_rng(number)
        arrays = {
            name: values.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()
        }
        if not valid:
            arrays = {name: np.zeros_like(array) for name, array in arrays.items()}
        key = f"{number:02x}key"
        write_shard(shard_path(self.store, "features", key), arrays, {})
        self.features[clip_id] = arrays
        self.clips.append(
            Clip(
                clip_id,
                f"videos/{clip_id}.mp4",
                number,
                number % 2,
                CLASSES[number % 2],
                subject=f"s{number % 3}" if number % 4 else None,
                text="er sagte: „ja“\t",
            )
        )
        self.index[clip_id] = {
            "clip_id": clip_id,
            "key": key,
            "track_key": f"track of {clip_id}",
            "channels": "dlib_68 2-D",
            "valid": "true" if valid else "false",
            "reason": "" if valid else "no face in any of 30 frames",
            "frames": "30",
            "detected": "29",
            "coverage": "0.9666666666666667",
            "detection_ratio": "0.9666666666666667",
            "longest_gap": "1",
            "longest_gap_seconds": "0.04",
            "trimmed_start": "0.0",
            "trimmed_end": "0.0",
            "changes": "0",
            "cuts": "0",
            "jitter": "0.25" if valid else "",
            "mean_abs_yaw": "3.5" if valid else "",
            "notes": "",
            "index": str(self.folder / f"{number % 2}.tsv"),
        }

    def parts(self):
        names = ("train", "train", "train", "val", "test")
        return {clip.clip_id: names[i % 5] for i, clip in enumerate(self.clips)}

    def write(self, name="splits", **metadata):
        outputs = {part: self.folder / name / f"{part}.parquet" for part in module.PARTS}
        write_splits(
            self.clips,
            self.index,
            self.parts(),
            outputs=outputs,
            store=self.store,
            shapes=SHAPES,
            metadata={"classes": CLASSES, **metadata},
        )
        return outputs
