"""Which processes the kernel has killed because memory ran out.

A cluster's scheduler puts a job into a control group with a limit of its own. The kernel kills a
job that exceeds it, however much memory the machine has.
References: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events),
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (memory.oom_control)
"""

from __future__ import annotations

from pathlib import Path

_CGROUPS, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


# What the file of a control group that counts kills is called, in version 1 and 2.
_V1, _V2 = "memory.oom_control", "memory.events"


def killed_for_memory(*, cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return how many processes of this one's control group the kernel has killed for memory.

    It makes no difference whether the limit was the group's own, that of a group above it or the
    machine's; 0 if nothing counts them.

    Args:
        cgroups: where control groups (version 2 or 1) are mounted; other systems have none.
        membership: file that names the process's own groups.
    """
    counts = [
        _numbers(folder / events).get("oom_kill", 0)
        for folder, events in _own_groups(cgroups, membership)
    ]
    return max(counts, default=0)


def _own_groups(cgroups: Path, membership: Path) -> list[tuple[Path, str]]:
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


def _numbers(file: Path) -> dict[str, int]:
    """Read a file with one name and number per line; empty if there is no such file."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return {name: int(number) for name, number in (line.split() for line in lines)}
    except (OSError, ValueError):
        return {}
