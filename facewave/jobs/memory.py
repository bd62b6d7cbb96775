"""How much memory this process may still take: of the machine, and within its job's limit.

A cluster's scheduler puts a job into a control group with a limit of its own. The kernel kills a
job that exceeds it, however much memory the machine has.
References: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current,
memory.stat, memory.events), https://docs.kernel.org/admin-guide/cgroup-v1/memory.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

_MIB = 1024 * 1024
_CGROUPS, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


class KilledForMemoryError(Exception):
    """A process was killed because memory ran out, whatever it was working on."""


@dataclass(frozen=True)
class _Names:
    """What the files of a control group are called."""

    limit: str
    used: str
    events: str
    cache: str  # of memory.stat: unused pages of files, which the kernel gives up first


_V1 = _Names(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "total_inactive_file"
)
_V2 = _Names("memory.max", "memory.current", "memory.events", "inactive_file")


def available_memory(*, cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return the bytes that can be taken without swapping and without exceeding a job's limit.

    Args:
        cgroups: where control groups (version 2 or 1) are mounted; other systems have none.
        membership: file that names the process's own groups.
    """
    free = int(psutil.virtual_memory().available)
    # The limits of all groups above apply as well.
    left = [
        _left_in(folder, names)
        for own, names in _own_groups(cgroups, membership)
        for folder in (own, *own.parents)
        if folder.is_relative_to(cgroups)
    ]
    return max(0, min([free, *(bytes_left for bytes_left in left if bytes_left is not None)]))


def killed_for_memory(*, cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return how many processes of this one's control group the kernel has killed for memory.

    It makes no difference whether the limit was the group's own, that of a group above it or the
    machine's; 0 if nothing counts them.

    Args:
        cgroups, membership: as for `available_memory`.
    """
    counts = [
        _numbers(folder / names.events).get("oom_kill", 0)
        for folder, names in _own_groups(cgroups, membership)
    ]
    return max(counts, default=0)


def _own_groups(cgroups: Path, membership: Path) -> list[tuple[Path, _Names]]:
    try:
        lines = membership.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            groups.append((cgroups / path.lstrip("/"), _V2))
        elif "memory" in controllers.split(","):
            groups.append((cgroups / "memory" / path.lstrip("/"), _V1))
    return groups


def _left_in(group: Path, names: _Names) -> int | None:
    try:
        limit = (group / names.limit).read_text(encoding="utf-8").strip()
        used = int((group / names.used).read_text(encoding="utf-8"))
        if limit == "max":
            return None
        return int(limit) - used + _numbers(group / "memory.stat").get(names.cache, 0)
    except (OSError, ValueError):
        return None


def _numbers(file: Path) -> dict[str, int]:
    """Read a file with one name and number per line; empty if there is no such file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return {name: int(number) for name, number in (line.split() for line in lines)}
    except (OSError, ValueError):
        return {}


def fits(bytes_needed: int, *, job_mb: int | None = None) -> bool:
    """Return whether this many bytes are at most half of what may be taken.

    Args:
        bytes_needed: what would be held in memory.
        job_mb: memory that the job requested, in MiB (Snakemake's `mem_mb`): another limit.
    """
    limit = available_memory()
    if job_mb:
        limit = min(limit, job_mb * _MIB)
    return bytes_needed <= limit // 2
