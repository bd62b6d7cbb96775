"""Scores of all pairs of a training dataset and a test dataset, as a table and as a page."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.cross_datasets import PairRow, read_pair, write_page
from facewave.splits.partition import PARTS
from facewave.storage.tables import write_rows


def main(
    *,
    pairs: Sequence[tuple[str, str]],
    predictions: Sequence[str],
    splits: Mapping[str, Sequence[str]],
    table: str,
    page: str,
    seed: int,
) -> None:
    """Write the matrix.

    Args:
        pairs: names of the datasets that are trained on and tested.
        predictions: files of all pairs: pair after pair, in each of them one per seed.
        splits: part to the file of each pair.
        table, page: to write (CSV, HTML).
        seed: of the intervals.
    """
    seeds = len(predictions) // len(pairs)
    rows = [
        read_pair(
            train,
            test,
            list(map(Path, predictions[place * seeds : (place + 1) * seeds])),
            {part: Path(splits[part][place]) for part in PARTS},
            seed=seed,
        )
        for place, (train, test) in enumerate(pairs)
    ]
    write_rows(Path(table), PairRow, rows)
    write_page(Path(page), rows)
    for row in rows:
        print(
            f"train on {row.train}, test on {row.test}: UAR {100 * row.uar:.1f} "
            f"({100 * row.uar_low:.1f} to {100 * row.uar_high:.1f}), {row.clips_test} clips, "
            f"{len(row.classes.split())} classes"
            + (f" ({row.calibration})" * bool(row.calibration))
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            pairs=[tuple(pair) for pair in snakemake.params.pairs],
            predictions=list(snakemake.input.predictions),
            splits={part: list(snakemake.input[part]) for part in PARTS},
            table=snakemake.output.table,
            page=snakemake.output.page,
            seed=snakemake.params.seed,
        )
