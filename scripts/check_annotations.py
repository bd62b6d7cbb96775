"""Sum up what is wrong with descriptions, and how much of the label they give away."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.atomic import write_json
from facewave.logs import job_log


def main(
    *,
    annotations: str,
    manifest: str,
    checks: str,
    classes: Sequence[str],
    options: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the checks (JSON); see facewave.annotation_report."""
    from facewave.annotation_report import check_annotations

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
