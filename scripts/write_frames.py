from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.frame_tables.export_bucket import export_bucket
from facewave.frame_tables.options import FrameTableOptions
from facewave.jobs.log import job_log


def main(*, tracks: str, index: str, folder: str, store: str, options: Mapping[str, Any]) -> None:
    """Write the tables of frames of a bucket's clips."""
    export_bucket(
        Path(tracks),
        index=Path(index),
        folder=Path(folder),
        store=Path(store),
        options=FrameTableOptions(**options),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            tracks=snakemake.input.tracks,
            index=snakemake.output.index,
            folder=str(snakemake.params.folder),
            store=str(snakemake.params.store),
            options=snakemake.params.options,
        )
