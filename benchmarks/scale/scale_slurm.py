"""What a first run of 100,000 clips costs Slurm: submissions, scheduler load, Snakemake's waiting.

python benchmarks/scale/scale_slurm.py --folder /tmp/scale_slurm [--clips N] [--ways NAME ...]
                                       [--seconds S] [--cpus N] [--json PATH]

Clips and results are made up (see `scale_clips.py`). Snakemake, the profile, sbatch, Slurm's
controller, its nodes and its database are real (those of tests/slurm, three nodes on this machine);
a job is a real batch script, whose Python waits and puts the results of its buckets there
(`pretended_jobs`). Slurm is told of more CPUs than there are, since jobs that wait need none. Needs
root and what `make test-slurm` needs.
"""

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.scale.process_watch import watch  # noqa: E402
from benchmarks.scale.scale import BIN, pretend_first_run  # noqa: E402
from benchmarks.scale.scale_clips import make_corpus  # noqa: E402
from benchmarks.speed.bench import fetch_model  # noqa: E402
from facewave.storage.atomic import write_json  # noqa: E402
from tests.slurm.slurm_cluster import Cluster, missing_requirement, running_cluster  # noqa: E402

STAGES = ("tracks", "features")
_TICK = os.sysconf("SC_CLK_TCK")
_DAEMONS = ("slurmctld", "slurmdbd", "mariadbd")


def profile_of(way: str, folder: Path) -> Path:
    """Return a profile: `groups` (as shipped), `buckets` (one per submission) or `arrays`."""
    shipped = ROOT / "profiles/slurm"
    if way == "groups":
        return shipped
    profile = yaml.safe_load((shipped / "config.yaml").read_text())
    if way == "buckets":
        profile["group-components"] = {"buckets": 1, "variants": 1}
    else:
        for key in ("groups", "group-components", "scheduler-subsample", "max-jobs-per-timespan"):
            del profile[key]
        profile |= {"slurm-array-jobs": "track_faces", "slurm-array-limit": 25, "jobs": 5000}
        profile["slurm-status-command"] = "squeue"
    path = folder / f"profile-{way}"
    path.mkdir()
    (path / "config.yaml").write_text(yaml.safe_dump(profile))
    return path


def prepare(work: Path, args: argparse.Namespace) -> None:
    """Make clips, and the results that jobs will put there, in `work/pretended`."""
    work.mkdir(parents=True)
    make_corpus(work, args.clips, model=fetch_model(work))
    args.cores, args.target = 1, "features"
    pretend_first_run(work, args)
    (work / "pretended").mkdir()
    (work / "pretended/benchmark.tsv").write_text("s\n0\n")
    for stage in STAGES:
        (work / "results/scale" / stage).rename(work / "pretended" / stage)


def forget(work: Path) -> None:
    """Bring the folder back to the state before a first run; the plan stays."""
    for name in (*STAGES, "benchmarks"):
        shutil.rmtree(work / "results/scale" / name, ignore_errors=True)
    shutil.rmtree(work / ".snakemake", ignore_errors=True)


def processor_seconds(cluster: Cluster) -> dict[str, float]:
    """Return the processor time that each daemon has used so far."""
    used = {}
    for name in _DAEMONS:
        fields = Path(f"/proc/{cluster.pids[name]}/stat").read_text().rpartition(")")[2].split()
        used[name] = (int(fields[11]) + int(fields[12])) / _TICK
    return used


def peak_mb(process: int) -> int:
    """Return the peak resident memory of a process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) // 1000 if found else 0


def scheduler_load(text: str) -> dict[str, Any]:
    """Read what `sdiag` says: jobs, cycles of the scheduler, and calls by kind and mean time."""
    numbers = {
        name: int(found[1])
        for name, pattern in {
            "submitted": r"Jobs submitted:\s+(\d+)",
            "started": r"Jobs started:\s+(\d+)",
            "completed": r"Jobs completed:\s+(\d+)",
            "cycles": r"Total cycles:\s+(\d+)",
            "cycle_mean_us": r"Mean cycle:\s+(\d+)",
            "cycle_max_us": r"Max cycle:\s+(\d+)",
            "cycle_depth": r"Mean depth cycle:\s+(\d+)",
        }.items()
        if (found := re.search(pattern, text))
    }
    calls = re.findall(r"^\s*(\w+)\s*\(\s*\d+\) count:(\d+)\s+ave_time:(\d+)", text, re.MULTILINE)
    by_kind = {kind: {"count": int(count), "mean_us": int(mean)} for kind, count, mean in calls}
    return {**numbers, "calls": by_kind}


def first_run(work: Path, cluster: Cluster, way: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run the workflow up to the features through Slurm, and say what it cost."""
    forget(work)
    before = set(cluster.jobs())
    cluster.call("sdiag", "--reset")
    used = processor_seconds(cluster)
    pretended = {
        "seconds": args.seconds,
        "pretended": str(work / "pretended"),
        "results": str(work / "results/scale"),
    }
    environment = {
        **cluster.environment,
        "FACEWAVE_PRETENDED_JOBS": json.dumps(pretended),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(__file__).parent / "pretended_jobs")]),
    }
    command = [
        *(str(BIN / "snakemake"), "--snakefile", str(ROOT / "Snakefile"), "--nocolor"),
        *("--directory", str(work), "--configfile", str(work / "config.yaml")),
        *("--workflow-profile", str(profile_of(way, args.folder))),
        *("--default-resources", "slurm_partition=main", "--", "features"),
    ]
    seen = watch(command, output=work / f"{way}.txt", cwd=work, environment=environment)
    if seen.code:
        sys.exit(f"{' '.join(command)} failed:\n{seen.output[-3000:]}")
    now = processor_seconds(cluster)
    submitted = [job for job in cluster.jobs() if job not in before]
    counted = cluster.call("sacct", "--noheader", "--allocations", "--format=JobID").split()
    return {
        "way": way,
        "snakemake": {
            "wall_s": round(seen.wall_s, 1),
            "main_cpu_s": round(seen.main_cpu_s, 1),
            "main_peak_mb": round(seen.main_peak_mb),
        },
        "jobs_of_slurm": len(submitted),
        "sbatch_calls": len({job.partition("_")[0] for job in submitted}),
        "jobs_in_database": len(counted) - len(before),
        "processor_s": {name: round(now[name] - used[name], 2) for name in _DAEMONS},
        "peak_mb": {name: peak_mb(cluster.pids[name]) for name in _DAEMONS},
        "scheduler": scheduler_load(cluster.call("sdiag")),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="new; 0.6 GB for 100,000 clips")
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument(
        "--ways", nargs="+", default=["groups"], choices=["groups", "buckets", "arrays"]
    )
    parser.add_argument("--seconds", type=float, default=20.0, help="that each job waits")
    parser.add_argument("--cpus", type=int, default=64, help="of each of the three nodes")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if reason := missing_requirement():
        sys.exit(reason)
    work = args.folder / "work"
    prepare(work, args)
    measured = []
    nodes = ("scale1", "scale2", "scale3")
    with running_cluster(args.folder / "slurm", nodes=nodes, cpus=args.cpus) as cluster:
        for way in args.ways:
            measured.append(first_run(work, cluster, way, args))
            print(json.dumps(measured[-1], indent=1), flush=True)
    if args.json:
        options = {"clips": args.clips, "seconds": args.seconds, "cpus": args.cpus}
        write_json(args.json, {"options": options, "measured": measured})


if __name__ == "__main__":
    main()
