from collections.abc import Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.clips import read_clips, write_quality_csv
from facewave.report.review import summary_line


def main(
    *, manifest: str, tracks: Sequence[str], features: Sequence[str], dataset: str, table: str
) -> None:
    """Write the quality of every clip, and print how many are valid."""
    clips = read_clips(Path(manifest), map(Path, tracks), map(Path, features))
    write_quality_csv(Path(table), clips)
    print(summary_line(dataset, clips), flush=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            manifest=snakemake.input.manifest,
            tracks=snakemake.input.tracks,
            features=snakemake.input.features,
            dataset=snakemake.wildcards.dataset,
            table=snakemake.output.table,
        )
