"""What the workflow itself costs with 1,000 to 100,000 clips: time, memory, and what runs again.

python benchmarks/scale/scale.py --folder /tmp/scale [--clips N ...] [--target NAME] [--cores N]
                           [--rounds N] [--seconds S] [--json PATH] [--keep] [--go-on] [--pretend]
                           [--frames N]

The clips are made up: files of a few bytes that the worker of `made_up_tracker.py` gives a made-up
trajectory of two frames, coded to one coefficient. So what is measured is planning, scheduling,
starting jobs and the store, not MediaPipe. Linux only (/proc). Prints the Markdown tables of
docs/performance.md.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.scale.made_up_tracker import ENVIRONMENT  # noqa: E402
from benchmarks.scale.process_watch import Watched, watch  # noqa: E402
from benchmarks.scale.scale_clips import make_corpus, touch, write_clip, write_labels  # noqa: E402
from benchmarks.scale.scale_results import write_indexes  # noqa: E402
from benchmarks.scale.scale_tables import tables  # noqa: E402
from benchmarks.speed.bench import fetch_model  # noqa: E402

BIN = Path(sys.executable).parent


def run(
    work: Path, args: argparse.Namespace, *arguments: str, targets: Sequence[str] = ()
) -> dict[str, Any]:
    """Run the command once and return what it took."""
    command = [
        *(str(BIN / "snakemake"), "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(work), "--configfile", str(work / "config.yaml")),
        *("--cores", str(args.cores), "--nocolor", *arguments, "--", *(targets or [args.target])),
    ]
    seen = watch(command, output=work / "output.txt", cwd=work, environment=ENVIRONMENT)
    if seen.code:
        sys.exit(f"{' '.join(command)} failed:\n{seen.output[-3000:]}")
    return taken(seen)


def taken(seen: Watched) -> dict[str, Any]:
    """Return the figures of a run as JSON has them."""
    return {
        "wall_s": round(seen.wall_s, 2),
        "cpu_s": round(seen.cpu_s, 2),
        "main_cpu_s": round(seen.main_cpu_s, 2),
        "main_peak_mb": round(seen.main_peak_mb),
        "beside_jobs_s": round(seen.wall_s - seen.jobs_s, 2),
        "main_share_while_jobs": seen.main_share_while_jobs,
        "jobs": planned_jobs(seen.output),
        "stages": {
            name: {
                "processes": len(stage.pids),
                "peak_mb": round(stage.peak_mb),
                "seconds": round(stage.seconds, 1),
            }
            for name, stage in sorted(seen.stages.items())
        },
    }


def planned_jobs(output: str) -> dict[str, int]:
    """Read Snakemake's table of job counts."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total ", output, re.MULTILINE | re.DOTALL)
    found = re.findall(r"^(\S+) +(\d+)$", table[1], re.MULTILINE) if table else []
    return {name: int(count) for name, count in found}


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the run that took least time; other people's work only adds to a run."""
    return min(runs, key=lambda figures: figures["wall_s"])


def pretend_first_run(work: Path, args: argparse.Namespace) -> None:
    """Bring the workflow to the end of a first run up to the features, without its jobs."""
    from facewave.config.check import check_config

    sha256 = check_config({})["landmarker"]["sha256"]
    model = f"results/models/face_landmarker-{sha256[:12]}.task"
    run(work, args, targets=("results/scale/manifest.parquet", model))
    write_indexes(work)
    run(work, args, "--touch")


def measure(work: Path, clips: int, args: argparse.Namespace) -> dict[str, Any]:
    """Make a corpus, run the workflow on it and measure what each event costs."""
    notes = work / "measured.json"
    numbers = list(range(clips))
    events: dict[str, Any] = json.loads(notes.read_text()) if args.go_on else {}

    def report(name: str, figures: dict[str, Any]) -> None:
        events[name] = figures
        brief = {key: value for key, value in figures.items() if key != "stages"}
        print(f"# {clips} clips, {name}: {brief}", file=sys.stderr, flush=True)
        notes.write_text(json.dumps(events))

    if not args.go_on:
        make_corpus(work, clips, model=fetch_model(work), frames=args.frames, seconds=args.seconds)
        report("dry run of nothing done", run(work, args, "--dry-run", "--quiet", "rules"))
        if args.pretend:
            pretend_first_run(work, args)
        else:
            report("first run", run(work, args))
    if args.first_run_only:
        return {}
    rounds = range(args.rounds)
    report("nothing to do", best([run(work, args) for _ in rounds]))
    report("dry run", best([run(work, args, "--dry-run", "--quiet", "rules") for _ in rounds]))
    touch(work, clips // 3)
    report("one clip touched", run(work, args))
    write_clip(work, clips // 2, frames=args.frames, version=1)
    report("one clip changed", run(work, args))
    write_clip(work, clips, frames=args.frames)
    write_labels(work, [*numbers, clips])
    report("one clip added", run(work, args))
    write_labels(work, numbers)
    report("one clip removed", run(work, args))
    buckets = len(list((work / "results" / "scale" / "keys" / "tracks").glob("*.tsv")))
    return {"clips": clips, "buckets": buckets, "events": events}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="takes about 2 GB for 100,000")
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--target", default="all", help="what is asked for, such as features")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument(
        "--rounds", type=int, default=3, help="of runs that do nothing; best counts"
    )
    parser.add_argument("--seconds", type=float, default=0.0, help="that tracking a clip waits")
    parser.add_argument(
        "--frames", type=int, default=0, help="of a clip, which is a folder of them; 0: a file"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true", help="leave clips and results there")
    parser.add_argument(
        "--pretend", action="store_true", help="no first run, see scale_results.py; up to features"
    )
    parser.add_argument("--first-run-only", action="store_true", help="stop behind it; keeps all")
    parser.add_argument("--go-on", action="store_true", help="behind such a first run")
    args = parser.parse_args()
    if args.pretend:
        args.target = "features"
    measured = []
    for clips in args.clips:
        work = args.folder / f"clips-{clips}"
        work.mkdir(parents=True, exist_ok=args.go_on)
        try:
            measured.append(measure(work, clips, args))
        finally:
            if not (args.keep or args.first_run_only):
                shutil.rmtree(work)
        if args.json and not args.first_run_only:
            from facewave.storage.atomic import write_json

            options = {
                "target": args.target,
                "cores": args.cores,
                "seconds": args.seconds,
                "frames": args.frames,
            }
            write_json(args.json, {"options": options, "measured": measured})
    if not args.first_run_only:
        print(tables(measured, cores=args.cores))


if __name__ == "__main__":
    main()
