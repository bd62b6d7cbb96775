import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.datasets import load_clips
from facewave.logs import job_log
from facewave.manifest import ManifestError, write_manifest
from facewave.plan import manifest_digest


def main(
    *,
    key: str,
    parquet: str,
    csv: str,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: str,
    seed: int,
) -> None:
    """Write the manifest; its rows are the ones that the graph was planned with."""
    clips = load_clips(
        dataset,
        options,
        classes=options["classes"],
        seed=seed,
        demo_root=Path(demo_root),
        cache=Path(key).parent,
    )
    planned = json.loads(Path(key).read_text(encoding="utf-8"))["sha256"]
    if manifest_digest(clips) != planned:
        problem = "they changed since the workflow started"
        raise ManifestError("label files", [problem], advice="Run the same command again.")
    write_manifest(
        clips,
        Path(parquet),
        Path(csv),
        metadata={
            "facewave_version": __version__,
            "classes": json.dumps(list(options["classes"])),
            "adapter": options["adapter"],
            "sha256": planned,
        },
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            dataset=snakemake.params.dataset,
            options=snakemake.params.options,
            demo_root=str(snakemake.params.demo_root),
            seed=snakemake.params.seed,
        )
