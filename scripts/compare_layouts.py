"""Table and picture of the reconstruction errors of all layouts."""

from collections.abc import Sequence
from pathlib import Path

from facewave.explain.reconstruction_table import LayoutError, draw_errors, summarise
from facewave.jobs.log import job_log
from facewave.storage.tables import write_rows


def main(*, buckets: Sequence[str], table: str, picture: str, seed: int) -> None:
    """Write the mean errors (CSV) and a picture of them (PNG).

    Args:
        buckets: tables of all buckets.
        table, picture: to write.
        seed: of the intervals.
    """
    rows = summarise((Path(path) for path in buckets), seed=seed)
    write_rows(Path(table), LayoutError, rows)
    draw_errors(Path(picture), rows)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            buckets=list(snakemake.input.buckets),
            table=snakemake.output.table,
            picture=snakemake.output.picture,
            seed=snakemake.params.seed,
        )
