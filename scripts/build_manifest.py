import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave import __version__
from facewave.datasets.texts import TextSource, join_texts
from facewave.jobs.log import job_log
from facewave.manifest.clips import write_manifest
from facewave.planning.plan import planned_clips


def main(
    *,
    key: str,
    parquet: str,
    csv: str | None,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: str,
    seed: int,
    texts: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write the manifest, with the rows that the graph was planned with and any joined texts."""
    clips, digest = planned_clips(
        Path(key),
        dataset=dataset,
        options=options,
        demo_root=Path(demo_root),
        seed=seed,
    )
    for source in texts:
        clips = join_texts(clips, TextSource(**source))
    joined = {"texts": json.dumps(list(texts))} if texts else {}
    write_manifest(
        clips,
        Path(parquet),
        Path(csv) if csv else None,
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
            csv=snakemake.output.get("csv"),
            dataset=snakemake.params.dataset,
            options=snakemake.params.options,
            demo_root=str(snakemake.params.demo_root),
            seed=snakemake.params.seed,
            texts=snakemake.params.texts,
        )
