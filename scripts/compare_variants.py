"""Table and figure of the ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facewave.ablation.compare import Row, compare, join_folds, read_all_answers
from facewave.evaluation.predictions import read_class_predictions
from facewave.jobs.log import job_log
from facewave.splits.baseline import RULE, calibration_text
from facewave.storage.atomic import atomic_path, write_json
from facewave.storage.tables import write_rows


def main(
    *,
    predictions: Mapping[str, Sequence[Sequence[str]]],
    reference: str,
    table: str,
    scores: str,
    figure: str,
    seed: int,
) -> None:
    """Write the scores of all variants as CSV, JSON and SVG.

    Args:
        predictions: for each variant and fold, one file per seed.
        reference: the variant that the others are tested against.
        table, scores, figure: to write (CSV, JSON, SVG).
        seed: of bootstrap and permutations.
    """
    folds = read_all_answers(predictions)
    answers = {name: join_folds(parts) for name, parts in folds.items()}
    rows = compare(answers, reference=reference, seed=seed)
    write_rows(Path(table), Row, rows)
    first = read_class_predictions(predictions[reference][0][0])
    rule = first.metadata.get(RULE)
    calibration = calibration_text(rule) if rule else None
    content = {"reference": reference, "calibration": calibration}
    write_json(Path(scores), {**content, "rows": [asdict(row) for row in rows]})
    draw(Path(figure), rows, reference=reference, title=calibration)


def draw(path: Path, rows: Sequence[Row], *, reference: str, title: str | None = None) -> None:
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
    if title:
        axes.set_title(title)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=snakemake.params.predictions,
            reference=snakemake.params.reference,
            table=snakemake.output.table,
            scores=snakemake.output.scores,
            figure=snakemake.output.figure,
            seed=snakemake.params.seed,
        )
