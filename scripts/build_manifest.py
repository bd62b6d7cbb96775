import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.clip_texts import join_texts, read_texts
from facewave.logs import job_log
from facewave.manifest import write_manifest
from facewave.planned_clips import planned_clips


def main(
    *,
    key: str,
    parquet: str,
    csv: str,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: str,
    seed: int,
    texts: str | None = None,
    join: str = "none",
) -> None:
    """Write the manifest; its rows are the ones that the graph was planned with."""
    clips, digest = planned_clips(
        Path(key), dataset=dataset, options=options, demo_root=Path(demo_root), seed=seed
    )
    joined = {}
    if texts:
        clips = join_texts(clips, read_texts(texts), join=join)
        joined = {"texts": Path(texts).stem, "join": join}
    write_manifest(
        clips,
        Path(parquet),
        Path(csv),
        metadata={
            "facewave_version": __version__,
            "classes": json.dumps(list(options["classes"])),
            "adapter": options["adapter"],
            "sha256": digest,
            **joined,
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
            texts=next(iter(snakemake.input.texts), None),
            join=snakemake.params.join,
        )
