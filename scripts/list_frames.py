from collections.abc import Sequence
from pathlib import Path

from facewave.frame_tables.export_bucket import list_frames
from facewave.jobs.log import job_log


def main(*, indexes: Sequence[str], table: str, folder: str) -> None:
    """List the tables of frames of a dataset, and remove those of clips that are gone."""
    count = list_frames(map(Path, indexes), Path(table), folder=Path(folder))
    print(f"{count:,} tables of frames in {folder}, listed in {table}", flush=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            indexes=snakemake.input.indexes,
            table=snakemake.output.table,
            folder=str(snakemake.params.folder),
        )
