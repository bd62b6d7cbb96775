"""What the workflow itself costs with 1,000 to 100,000 clips: time, memory, and what runs again.

python benchmarks/scale/scale.py --folder /tmp/scale [--clips N ...] [--target NAME] [--cores N]
                           [--rounds N] [--seconds S] [--json PATH] [--keep] [--resume] [--pretend]
                           [--frames N]

The clips are made up: files of a few bytes that the worker of `made_up_tracker.py` gives a made-up
trajectory of two frames, coded to one coefficient. This measures planning, scheduling,
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
from benchmarks.scale.scale_clips import (  # noqa: E402
    make_corpus,
    touch,
    write_clip,
    write_indexes,
    write_labels,
)
from benchmarks.speed.bench import fetch_model  # noqa: E402

BIN = Path(sys.executable).parent
_BARS = {
    "nothing to do": "8 s",
    "dry run": "8 s",
    "dry run of nothing done": "8 s",
    "one clip changed": "12 s",
}


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
    """Return the figures of a run as they are written to JSON."""
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
    """Return the run that took the least time: other work on the machine only adds to it."""
    return min(runs, key=lambda figures: figures["wall_s"])


def pretend_first_run(work: Path, args: argparse.Namespace) -> None:
    """Bring the workflow to the state after a first run up to the features, without its jobs."""
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
    events: dict[str, Any] = json.loads(notes.read_text()) if args.resume else {}

    def report(name: str, figures: dict[str, Any]) -> None:
        events[name] = figures
        brief = {key: value for key, value in figures.items() if key != "stages"}
        print(f"# {clips} clips, {name}: {brief}", file=sys.stderr, flush=True)
        notes.write_text(json.dumps(events))

    if not args.resume:
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


def tables(measured: list[dict[str, Any]], *, cores: int) -> str:
    """Return the tables of events, of the first run and of the stages."""
    return "\n".join(
        [_events(measured), _first_runs(measured, cores), _stages(measured)],
    )


def _events(measured: list[dict[str, Any]]) -> str:
    rows = []
    for name in measured[0]["events"]:
        if name == "first run":
            continue
        cells = [
            f"{run['beside_jobs_s']:.1f} s ({run['main_cpu_s']:.1f} s), {run['main_peak_mb']} MB"
            for run in (one["events"][name] for one in measured)
        ]
        jobs = sum(measured[-1]["events"][name]["jobs"].values())
        if name == "dry run of nothing done":
            jobs = 0
        # Snakemake counts the target itself as a job, but it does nothing.
        rows.append([name, *cells, _BARS.get(name, ""), str(max(0, jobs - 1))])
    heads = [f"{one['clips']:,} clips" for one in measured]
    return _markdown(["event", *heads, "bar", "jobs"], rows)


def _first_runs(measured: list[dict[str, Any]], cores: int) -> str:
    rows = []
    for one in measured:
        if "first run" not in one["events"]:
            continue
        run, clips = one["events"]["first run"], one["clips"]
        jobs = sum(run["jobs"].values())
        share = run["main_share_while_jobs"]
        rows.append(
            [
                f"{clips:,}",
                f"{one['buckets']:,}",
                f"{jobs:,}",
                f"{run['wall_s']:.0f} s",
                f"{1000 * run['wall_s'] * cores / clips:.1f} ms",
                f"{1000 * run['cpu_s'] / clips:.1f} ms",
                f"{1000 * run['main_cpu_s'] / jobs:.0f} ms",
                f"{100 * share:.0f} %",
                f"{run['main_peak_mb']} MB",
            ]
        )
    head = [
        "clips", "buckets", "jobs", "first run", "core time per clip", "CPU time per clip",
        "main process's CPU time per job", "… of a core while jobs run", "… memory",
    ]  # fmt: skip
    return _markdown(head, rows)


def _stages(measured: list[dict[str, Any]]) -> str:
    stages = [one["events"].get("first run", {}).get("stages", {}) for one in measured]
    rows = []
    for name in sorted({name for one in stages for name in one}):
        found = [one.get(name) for one in stages]
        rows.append(
            [f"`{name}`", *(f"{s['peak_mb']} MB, {s['seconds']:.0f} s" if s else "" for s in found)]
        )
    heads = [f"{one['clips']:,} clips" for one in measured]
    return _markdown(["script", *heads], rows)


def _markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="2 GB for 100,000 clips")
    parser.add_argument("--clips", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--target", default="all", help="target of the workflow, such as features")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument(
        "--rounds", type=int, default=3, help="of runs that do nothing; the best one counts"
    )
    parser.add_argument("--seconds", type=float, default=0.0, help="that tracking one clip takes")
    parser.add_argument(
        "--frames", type=int, default=0, help="per clip, which is then a folder; 0: each is a file"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", action="store_true", help="keep clips and results")
    parser.add_argument(
        "--pretend", action="store_true", help="no first run, see scale_clips.py; up to features"
    )
    parser.add_argument("--first-run-only", action="store_true", help="stop then; keep everything")
    parser.add_argument("--resume", action="store_true", help="continue after such a first run")
    args = parser.parse_args()
    if args.pretend:
        args.target = "features"
    measured = []
    for clips in args.clips:
        work = args.folder / f"clips-{clips}"
        work.mkdir(parents=True, exist_ok=args.resume)
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
