"""Check on the machine with the GPU whether a model can run there."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import with_commit
from facewave.storage.atomic import write_json


def main(*, request: Mapping[str, Any], fetched: list[str], found: str) -> None:
    """Write what was found; `request` are the fields of facewave.vlm.preflight.GpuRequest."""
    # Only this job needs torch, whose import takes seconds.
    from facewave.vlm.preflight import GpuRequest, check_gpu

    lines = check_gpu(GpuRequest(**with_commit(request, fetched)))
    for line in lines:
        logging.getLogger("facewave").info("%s", line)
    write_json(Path(found), {"found": lines})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            request=snakemake.params.request,
            fetched=list(snakemake.input.weights),
            found=snakemake.output.found,
        )
