"""Summarise the faults of the descriptions, and how much of the label they give away."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json


def main(
    *,
    annotations: str,
    manifest: str,
    checks: str,
    classes: Sequence[str],
    options: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the checks as JSON."""
    from facewave.annotation.tables import check_annotations

    content = check_annotations(
        Path(annotations), Path(manifest), classes=classes, options=options, seed=seed
    )
    write_json(Path(checks), content)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            annotations=snakemake.input.annotations,
            manifest=snakemake.input.manifest,
            checks=snakemake.output.checks,
            classes=snakemake.params.classes,
            options=snakemake.params.options,
            seed=snakemake.params.seed,
        )
