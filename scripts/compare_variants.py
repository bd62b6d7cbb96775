"""Table and picture of the ablation."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facewave.ablation import Answers, Row, compare, join_folds
from facewave.atomic import atomic_path, write_json
from facewave.logs import job_log
from facewave.predictions import read_predictions


def main(
    *,
    predictions: Mapping[str, Sequence[Sequence[str]]],
    reference: str,
    table: str,
    scores: str,
    picture: str,
    seed: int,
) -> None:
    """Write the scores of all variants as CSV, JSON and SVG.

    Args:
        predictions: by variant, a list a fold of a file a seed.
        reference: the variant that the others are tested against.
        table, scores, picture: to write (CSV, JSON, SVG).
        seed: of bootstrap and permutations.
    """
    answers = {
        name: join_folds([_fold(files) for files in folds]) for name, folds in predictions.items()
    }
    rows = compare(answers, reference=reference, seed=seed)
    with atomic_path(Path(table)) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in asdict(row).items()}
            for row in rows
        )
    write_json(Path(scores), {"reference": reference, "rows": [asdict(row) for row in rows]})
    draw(Path(picture), rows, reference=reference)


def _fold(files: Sequence[str]) -> Answers:
    read = [read_predictions(file).of_part("test") for file in files]
    return Answers(
        labels=read[0].labels,
        predicted=np.stack([part.predicted for part in read]),
        probabilities=np.stack([part.probabilities for part in read]),
    )


def draw(path: Path, rows: Sequence[Row], *, reference: str) -> None:
    """Draw the UAR of all variants with their intervals; equal input gives equal bytes."""
    figure = Figure(figsize=(7, 1.2 + 0.24 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, row in enumerate(reversed(rows)):
        colour = "tab:red" if row.variant == reference else "tab:blue"
        axes.plot([100 * row.low, 100 * row.high], [place, place], color=colour)
        axes.plot(100 * row.uar, place, "o", color=colour)
    axes.set_yticks(range(len(rows)), [row.variant for row in reversed(rows)])
    axes.set_xlabel("UAR, % (mean over seeds; 95 % bootstrap interval over clips)")
    axes.grid(axis="x", alpha=0.3)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=snakemake.params.predictions,
            reference=snakemake.params.reference,
            table=snakemake.output.table,
            scores=snakemake.output.scores,
            picture=snakemake.output.picture,
            seed=snakemake.params.seed,
        )
