"""Time and memory per rule, from what Snakemake measured of every job (`benchmark:`)."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from facewave.report.templating import environment
from facewave.storage.atomic import write_text
from facewave.storage.tables import TableError, iter_rows, write_csv

FOLDER = "benchmarks"
_MEASURES = ("s", "max_rss", "cpu_time")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What the jobs of a rule took; the last run of each job counts.

    Attributes:
        dataset: whose jobs they were; empty: of all datasets together.
        rule: its name.
        jobs: number of jobs that were measured.
        seconds: of all jobs together.
        median_seconds, longest_seconds: of one job.
        cpu_seconds: processor time of all jobs together.
        memory_mb: the most that one job had resident, in MB; NaN where none was measured.
        longest: wildcards of the job that took longest.
    """

    dataset: str
    rule: str
    jobs: int
    seconds: float
    median_seconds: float
    longest_seconds: float
    cpu_seconds: float
    memory_mb: float
    longest: str


@dataclass(frozen=True)
class _Job:
    name: str
    seconds: float
    memory_mb: float
    cpu_seconds: float


def read_timings(results: Path) -> list[Timing]:
    """Return what every rule took, by dataset, the longest first.

    Files of another form are passed over: Snakemake of another version may have written them.

    Args:
        results: folder that the workflow writes to, with `{dataset}/benchmarks/{rule}/...tsv`.
    """
    jobs: dict[tuple[str, str], list[_Job]] = defaultdict(list)
    folders = [results / FOLDER, *results.glob(f"*/{FOLDER}"), *results.glob(f"predict/*/{FOLDER}")]
    for folder in folders:
        dataset = "" if folder.parent == results else str(folder.parent.relative_to(results))
        for path in sorted(folder.rglob("*.tsv")):
            rule, *rest = path.relative_to(folder).with_suffix("").parts
            jobs[dataset, rule] += _read_jobs(path, "/".join(rest))
    found = [_timing(dataset, rule, of) for (dataset, rule), of in jobs.items() if of]
    return sorted(found, key=lambda timing: (timing.dataset, -timing.seconds, timing.rule))


def _read_jobs(path: Path, name: str) -> Iterator[_Job]:
    try:
        for row in iter_rows(path, _MEASURES):
            seconds, memory, cpu = (_value(row[measure]) for measure in _MEASURES)
            if not math.isnan(seconds):
                yield _Job(name, seconds, memory, 0.0 if math.isnan(cpu) else cpu)
    except TableError:
        return


def _value(text: str) -> float:
    """Return a number; NaN for what Snakemake did not measure, which it calls `NA` or `-`."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _timing(dataset: str, rule: str, jobs: Sequence[_Job]) -> Timing:
    longest = max(jobs, key=lambda job: job.seconds)
    memory = [job.memory_mb for job in jobs if not math.isnan(job.memory_mb)]
    return Timing(
        dataset=dataset,
        rule=rule,
        jobs=len(jobs),
        seconds=sum(job.seconds for job in jobs),
        median_seconds=statistics.median(job.seconds for job in jobs),
        longest_seconds=longest.seconds,
        cpu_seconds=sum(job.cpu_seconds for job in jobs),
        memory_mb=max(memory, default=math.nan),
        longest=longest.name,
    )


def write_timings(timings: Sequence[Timing], *, html: Path, table: Path) -> None:
    """Write the timings as a page and as a table (CSV)."""
    columns = [field.name for field in fields(Timing)]
    write_csv(table, columns, [[getattr(row, name) for name in columns] for row in timings])
    write_text(html, environment().get_template("timings.html").render(timings=timings))
