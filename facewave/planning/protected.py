"""A dry run on results that may not be written: it shows what would run, also what runs anew.

Snakemake 9.27 refuses a job whose outputs are write-protected while it builds its graph, in a dry
run as well, so that results of somebody else could only be looked at if nothing was to be done.
"""

from __future__ import annotations

import sys
from typing import Any


def look_at_protected(job: Any, refusal: type[Exception]) -> None:
    """Let a dry run go on, and say once what a run would stop at.

    Args:
        job: Snakemake's class `Job`, changed in place.
        refusal: what its `check_protected_output` raises.
    """
    check = job.check_protected_output
    told: list[Any] = []

    async def check_and_tell(self: Any) -> None:
        try:
            await check(self)
        except refusal:
            if not told:
                print(
                    "facewave: a run would stop, since it may not write the results of rule "
                    f"{self.rule.name}; this only shows what it would do",
                    file=sys.stderr,
                )
            told.append(self)

    job.check_protected_output = check_and_tell
