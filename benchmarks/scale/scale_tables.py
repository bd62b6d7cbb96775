"""The Markdown tables of `scale.py`.

python benchmarks/scale/scale_tables.py results/scale.json
"""

import json
import sys
from pathlib import Path
from typing import Any

_BARS = {
    "nothing to do": "8 s",
    "dry run": "8 s",
    "dry run of nothing done": "8 s",
    "one clip changed": "12 s",
}


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
        # The target itself counts as a job of Snakemake's, but does nothing.
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
        "clips", "buckets", "jobs", "first run", "core time a clip", "CPU time a clip",
        "main process's CPU time a job", "… of a core while jobs run", "… memory",
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


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text())
    print(tables(content["measured"], cores=content["options"]["cores"]))
