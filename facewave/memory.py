"""How much memory this process may still take: of the machine, and of the job that it runs in.

A cluster's scheduler puts a job into a control group with a limit of its own, above which the
kernel kills it, however much memory the machine has.
Reference: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current)
"""

from __future__ import annotations

from pathlib import Path

import psutil

_MIB = 1024 * 1024


def available_memory(
    *, cgroups: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")
) -> int:
    """Return the bytes that can be taken without swapping and without passing a job's limit.

    Args:
        cgroups: where control groups (version 2) are mounted; other systems have none.
        membership: file that names the process's own group.
    """
    free = int(psutil.virtual_memory().available)
    return max(0, min([free, *_left_in_groups(cgroups, membership)]))


def _left_in_groups(cgroups: Path, membership: Path) -> list[int]:
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if own is None:
        return []
    # A limit of any group above holds as well.
    folders = [cgroups / own, *(cgroups / own).parents]
    return [
        left
        for folder in folders
        if folder.is_relative_to(cgroups) and (left := _left_in(folder)) is not None
    ]


def _left_in(group: Path) -> int | None:
    try:
        limit = (group / "memory.max").read_text(encoding="utf-8").strip()
        used = int((group / "memory.current").read_text(encoding="utf-8"))
        return None if limit == "max" else int(limit) - used
    except (OSError, ValueError):
        return None


def fits(bytes_needed: int, *, job_mb: int | None = None) -> bool:
    """Tell whether so many bytes are at most half of what may be taken.

    Args:
        bytes_needed: what would be held.
        job_mb: memory that the job asked for in MiB (Snakemake's `mem_mb`), another limit.
    """
    limit = available_memory()
    if job_mb:
        limit = min(limit, job_mb * _MIB)
    return bytes_needed <= limit // 2
