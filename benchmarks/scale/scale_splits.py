"""Memory and time of building splits and of one training epoch, with rows of the real width.

python benchmarks/scale/scale_splits.py --folder /tmp/scale [--rows N ...] [--json PATH] [--keep]

A row has the default features (about 90 kB). The values are random, so that nothing can be
compressed; 500 different shards stand for all clips. Each step runs the workflow's own script
in a separate process, and reports its peak memory (Linux: VmHWM).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

DIFFERENT_SHARDS = 500
ROWS_PER_INDEX = 64
ROWS_PER_SUBJECT = 20
CLASSES = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]
PARTS = ("train", "val", "test")


def default_config() -> dict[str, Any]:
    from facewave.config.check import check_config

    return check_config({})


def make_inputs(folder: Path, rows: int) -> None:
    """Write manifest, feature indexes and shards of this many clips."""
    import numpy as np

    from facewave.features.encode_bucket import FEATURE_COLUMNS
    from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
    from facewave.features.quality import Quality
    from facewave.manifest.clips import Clip, write_manifest
    from facewave.planning.project import coded
    from facewave.storage.atomic import write_text
    from facewave.storage.store import content_key, shard_path, write_shard
    from facewave.storage.tables import format_rows
    from facewave.tracking.track_index import TRACK_COLUMNS

    config = default_config()
    shapes = feature_shapes(
        WaveletOptions(**config["wavelet"]), FaceOptions(**coded(config["features"]))
    )
    random = np.random.default_rng(0)
    keys = [content_key(shard=i) for i in range(min(rows, DIFFERENT_SHARDS))]
    for key in keys:
        arrays = {name: random.random(shape, np.float32) for name, shape in shapes.items()}
        write_shard(shard_path(folder / "store", "features", key), arrays, {})
    clips = [
        Clip(
            f"{i:07d}", f"clips/{i:07d}.mp4", i, i % 7, CLASSES[i % 7],
            subject=f"s{i // ROWS_PER_SUBJECT}",
        )
        for i in range(rows)
    ]  # fmt: skip
    write_manifest(clips, folder / "manifest.parquet", folder / "manifest.csv", metadata={})
    judged = Quality(
        valid=True, reason="", frames=77, detected=77, coverage=1.0, detection_ratio=1.0,
        jitter=0.0123456, mean_abs_yaw=4.56789,
    )  # fmt: skip
    quality = {**asdict(judged), "notes": ""}
    for start in range(0, rows, ROWS_PER_INDEX):
        table = [
            {
                "clip_id": f"{i:07d}",
                "key": keys[i % len(keys)],
                "track_key": content_key(clip=i),
                **quality,
            }
            for i in range(start, min(rows, start + ROWS_PER_INDEX))
        ]
        name = f"{start // ROWS_PER_INDEX:04d}.tsv"
        write_text(folder / "features" / name, format_rows(FEATURE_COLUMNS, table))
        tracked = [
            {
                **dict.fromkeys(TRACK_COLUMNS),
                "clip_id": row["clip_id"],
                "content_sha256": row["track_key"],
            }
            for row in table
        ]
        write_text(folder / "tracks" / name, format_rows(TRACK_COLUMNS, tracked))


def build(folder: Path) -> None:
    """Run the script of the rule `build_splits`."""
    import build_splits

    from facewave.planning.cross_datasets import split_options
    from facewave.planning.project import coded

    config = default_config()
    build_splits.main(
        manifest=str(folder / "manifest.parquet"),
        tracks=[str(path) for path in sorted((folder / "tracks").glob("*.tsv"))],
        features=[str(path) for path in sorted((folder / "features").glob("*.tsv"))],
        folds={None: {part: folder / f"{part}.parquet" for part in PARTS}},
        store=str(folder / "store"),
        feature_options={
            **{name: config[name] for name in ("wavelet", "quality")},
            "features": coded(config["features"]),
        },
        track_options={},
        classes=CLASSES,
        split=split_options(config),
        seed=config["seed"],
    )


def train(folder: Path, *, fusion: bool) -> None:
    """Run the script of the rule `fit_mlp` for one epoch."""
    import fit_mlp

    options = {**default_config()["mlp"], "max_epochs": 1}
    if not fusion:
        options["fusion"] = None
    fit_mlp.main(
        **{part: str(folder / f"{part}.parquet") for part in PARTS},
        checkpoint=str(folder / "checkpoint.pt"),
        metrics=str(folder / "metrics.csv"),
        predictions=str(folder / "predictions.parquet"),
        options=options,
        seed=1,
        threads=1,
    )


def run_alone(script: str, folder: Path, *arguments: str) -> dict[str, float]:
    """Run a step of a script in a separate process; return its seconds and peak memory in MB."""
    command = [sys.executable, script, "--folder", str(folder), "--step", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"# {folder.name}, {' '.join(arguments)}: {found}", file=sys.stderr, flush=True)
    return found


def figures(started: float) -> dict[str, float]:
    """Return the time since `started` (of `time.perf_counter`) and this process's peak memory."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    times = os.times()
    return {
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(times.user + times.system, 1),
        "peak_mb": int(peak[1]) // 1024 if peak else 0,
    }


def run_step(folder: Path, name: str, arguments: list[str]) -> None:
    started = time.perf_counter()
    if name == "inputs":
        make_inputs(folder, int(arguments[0]))
    elif name == "build":
        build(folder)
    else:
        train(folder, fusion=arguments[0] == "fusion")
    print(json.dumps(figures(started)))


def measure(folder: Path, rows: int) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": rows}
    run_alone(__file__, folder, "inputs", str(rows))
    found["build_splits"] = run_alone(__file__, folder, "build")
    sizes = [(folder / f"{part}.parquet").stat().st_size for part in PARTS]
    found["parquet_mb"] = round(sum(sizes) / 1e6)
    for model in ("fusion", "plain"):
        found[f"one epoch, {model}"] = run_alone(__file__, folder, "train", model)
    return found


def table(measured: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for one in measured for name in one if name != "rows"))
    heads = [f"{one['rows']:,} rows" for one in measured]
    lines = [["step", *heads], ["---"] * (len(heads) + 1)]
    lines += [[name, *(_cell(one.get(name)) for one in measured)] for name in names]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(found: object) -> str:
    if isinstance(found, dict):
        return f"{found['peak_mb']} MB, {found['cpu_s']:.0f} s"
    return "" if found is None else str(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="needs 0.3 MB per row")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep the splits")
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        run_step(args.folder, args.step[0], args.step[1:])
        return
    measured = []
    for rows in args.rows:
        folder = args.folder / f"rows-{rows}"
        folder.mkdir(parents=True)
        try:
            measured.append(measure(folder, rows))
        finally:
            if not args.keep:
                shutil.rmtree(folder)
    if args.json:
        from facewave.storage.atomic import write_json

        write_json(args.json, measured)
    print(table(measured))


if __name__ == "__main__":
    main()
