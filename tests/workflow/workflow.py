"""A small project of rendered clips, and the `snakemake` command run on it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
CLASSES = ("happy", "surprise")


@dataclass(frozen=True)
class Run:
    """What a run of the command did: jobs by rule, its exit code and all that it printed."""

    jobs: dict[str, int]
    code: int
    output: str


def command(work: Path, *arguments: str) -> list[str]:
    return [
        str(SNAKEMAKE),
        *("--snakefile", str(ROOT / "Snakefile"), "--directory", str(work)),
        *("--configfile", str(work / "config.yaml"), "--cores", "2", "--nocolor"),
        *arguments,
    ]


def environment() -> dict[str, str]:
    # pytest's own settings must not reach the jobs, nor Snakemake's cache the home folder.
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}


def snakemake(work: Path, *arguments: str, check: bool = True, timeout: int = 300) -> Run:
    done = subprocess.run(
        command(work, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment(),
        cwd=work,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"snakemake {arguments} failed:\n{done.stdout[-6000:]}")
    return Run(planned_jobs(done.stdout), done.returncode, done.stdout)


def planned_jobs(output: str) -> dict[str, int]:
    """Read Snakemake's table of job counts; the targets themselves are left out."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total ", output, re.MULTILINE | re.DOTALL)
    if table is None:
        return {}
    counts = dict(re.findall(r"^(\S+) +(\d+)$", table[1], re.MULTILINE))
    targets = {
        "all",
        "features",
        "quality",
        "splits",
        "train_mlp",
        "report",
        "ablate",
        "tune",
        "explain",
    }
    return {name: int(count) for name, count in counts.items() if name not in targets}


def write_config(work: Path, **sections: Any) -> None:
    config = {
        "enabled": ["small"],
        "buckets": 2,
        "datasets": {
            "small": {
                "adapter": "table",
                "root": "videos",
                "table": "labels.csv",
                "classes": list(CLASSES),
            }
        },
        "mlp": {"hidden": [8], "max_epochs": 3, "patience": 3},
        "split": {"protocol": "80-10-10"},
        **sections,
    }
    config["landmarker"] = {"model": "model.task", **sections.get("landmarker", {})}
    (work / "config.yaml").write_text(yaml.safe_dump(config))


def write_labels(work: Path, rows: list[tuple[str, str, str]]) -> None:
    lines = ["file_path,label,subject", *(",".join(row) for row in rows)]
    (work / "videos" / "labels.csv").write_text("\n".join(lines) + "\n")


def labels(work: Path) -> list[tuple[str, str, str]]:
    lines = (work / "videos" / "labels.csv").read_text().splitlines()[1:]
    return [tuple(line.split(",")) for line in lines]  # type: ignore[misc]


def copy_project(source: Path, target: Path) -> Path:
    """Copy a project with its results; times stay, as a backup tool would keep them."""
    shutil.copytree(source, target, copy_function=shutil.copy2, symlinks=True)
    write_config(target)
    return target


def shards(work: Path, stage: str) -> dict[str, tuple[int, int]]:
    """Return the shards of a stage: key to (inode, mtime), which a second writing changes."""
    found = {}
    for path in (work / "results" / "store" / stage).rglob("[0-9a-f]*.npz"):
        stat = path.stat()
        found[path.stem] = (stat.st_ino, stat.st_mtime_ns)
    return found


def computed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> set[str]:
    """Return the keys of the shards that were written between two looks."""
    return {key for key, stamp in after.items() if before.get(key) != stamp}


def bucket_files(work: Path, stage: str) -> dict[str, str]:
    folder = work / "results" / "small" / stage
    # Without the digest in the first line: it covers the fingerprints, which hold inodes.
    return {path.name: path.read_text().partition("\n")[2] for path in sorted(folder.glob("*.tsv"))}


def drop_stat(index: str) -> list[list[str]]:
    """Return an index without its fingerprints, which hold inodes."""
    rows = [line.split("\t") for line in index.splitlines()]
    column = rows[0].index("fingerprint")
    return [row[:column] + row[column + 1 :] for row in rows]
