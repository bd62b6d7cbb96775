"""Time and memory of training the MLP in memory, with the default options and width.

python benchmarks/training/train_mlp.py [--rows 12000] [--threads 2] [--epochs N] [--json PATH]

A tenth of the rows is for validation. Values are random, and those of every class are a little
larger than those of the class before. That is enough for the model to learn; it says nothing about
faces. What is measured is
`facewave.mlp.train.train_mlp`, from tables in memory to the model: checks, standardisation,
directions, all epochs, temperature and, with `mlp.fusion.refit`, all of it once more on both parts.
"""

import argparse
import json
import math
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facewave.config.check import check_config  # noqa: E402
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes  # noqa: E402
from facewave.mlp.options import MlpOptions  # noqa: E402
from facewave.mlp.train import Epoch, TrainingJob, train_mlp  # noqa: E402
from facewave.planning.project import coded  # noqa: E402
from facewave.splits.read import SplitTable  # noqa: E402


def table(rows: int, config: dict[str, Any], *, seed: int) -> SplitTable:
    """Make up a part with the feature groups that the MLP reads."""
    random = np.random.default_rng(seed)
    shapes = feature_shapes(
        WaveletOptions(**config["wavelet"]), FaceOptions(**coded(config["features"]))
    )
    shapes = {name: shapes[name] for name in config["mlp"]["inputs"]}
    labels = random.integers(len(config["classes"]), size=rows)
    groups = {}
    for name, shape in shapes.items():
        values = random.random((rows, math.prod(shape)), np.float32)
        values += labels[:, np.newaxis].astype(np.float32) / 20
        groups[name] = values
    return SplitTable(
        clip_ids=[f"{seed}-{i}" for i in range(rows)],
        labels=labels,
        valid=np.ones(rows, np.bool_),
        groups=groups,
        classes=tuple(config["classes"]),
        shapes=shapes,
        metadata={"features": {"features": config["features"]}},
    )


def memory_mb(field: str) -> int:
    """Return VmHWM (peak so far) or VmRSS (now) of this process in MB (Linux)."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) // 1024 if found else 0


def measure(rows: int, *, threads: int, epochs: int | None) -> dict[str, Any]:
    config = check_config({})
    options = MlpOptions.from_config(
        config["mlp"] | ({"max_epochs": epochs} if epochs else {}),
    )
    held = rows // 10
    train, val = (table(n, config, seed=n) for n in (rows - held, held))
    tables_mb, ends = memory_mb("VmRSS"), []

    def on_epoch(epoch: Epoch) -> None:
        ends.append(time.perf_counter() - started)
        print(f"# epoch {epoch.epoch}: {ends[-1]:.1f} s", file=sys.stderr, flush=True)

    job = TrainingJob(options=options, seed=config["seed"], threads=threads, on_epoch=on_epoch)
    started, processor = time.perf_counter(), time.process_time()
    train_mlp(train, val, job)
    return {
        "rows": rows,
        "features": sum(group.shape[1] for group in train.groups.values()),
        "threads": threads,
        "wall_s": round(time.perf_counter() - started, 1),
        "processor_s": round(time.process_time() - processor, 1),
        "first_epoch_s": round(ends[0], 1),
        "last_epoch_s": round(ends[-1], 1),
        "epochs": len(ends),
        "tables_mb": tables_mb,
        "peak_mb": memory_mb("VmHWM"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=12_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="fewer than mlp.max_epochs")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures = measure(args.rows, threads=args.threads, epochs=args.epochs)
    text = json.dumps(figures, indent=2)
    if args.json:
        args.json.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
