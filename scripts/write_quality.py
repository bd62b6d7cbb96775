from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.report.clips import read_clips
from facewave.report.quality_page import write_quality_page


def main(
    *,
    indexes: Mapping[str, Sequence[str]],
    manifest: str,
    html: str,
    dataset: str,
    options: Mapping[str, Any],
    store: str,
    thumbnails: int,
) -> None:
    """Write the page about the quality of a dataset."""
    write_quality_page(
        read_clips(Path(manifest), map(Path, indexes["tracks"]), map(Path, indexes["features"])),
        html=Path(html),
        dataset=dataset,
        options=options,
        store=Path(store),
        thumbnails=thumbnails,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            indexes={name: snakemake.input[name] for name in ("tracks", "features")},
            manifest=snakemake.input.manifest,
            html=snakemake.output.html,
            dataset=snakemake.wildcards.dataset,
            options=snakemake.params.options,
            store=str(snakemake.params.store),
            thumbnails=snakemake.params.thumbnails,
        )
