"""Table and figure of the ablation."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from facewave.ablation.compare import AnswerFiles, Row, compare
from facewave.evaluation.predictions import read_predictions
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.splits.baseline import RULE, calibration_text
from facewave.storage.atomic import atomic_path, write_json
from facewave.storage.tables import write_rows


def main(
    *,
    predictions: Mapping[str, Sequence[Sequence[str]]],
    manifest: str,
    reference: str,
    table: str,
    scores: str,
    figure: str,
    seed: int,
) -> None:
    """Write the scores of all variants as CSV, JSON and SVG.

    Args:
        predictions: for each variant and fold, one file per seed. Variants whose scores are of
            another task than the reference's (see `facewave.evaluation.calibration`) are left out.
        manifest: of the dataset; says whose clips they are.
        reference: the variant that the others are tested against.
        table, scores, figure: to write (CSV, JSON, SVG).
        seed: of bootstrap and permutations.
    """
    origins = read_origins([manifest])
    tasks = {name: _task(folds[0][0]) for name, folds in predictions.items()}
    rule = tasks[reference]
    same = {name: predictions[name] for name in tasks if tasks[name] == rule}
    rows = compare(AnswerFiles(same), reference=reference, origins=origins, seed=seed)
    write_rows(Path(table), Row, rows)
    calibration = calibration_text(rule) if rule else None
    content = {
        "reference": reference,
        "calibration": calibration,
        "unit": rows[0].unit,
        "units": rows[0].units,
        "rows": [asdict(row) for row in rows],
    }
    write_json(Path(scores), content)
    draw(Path(figure), rows, reference=reference, title=calibration)


def _task(predictions: str) -> Any:
    """Return the rule of the person's baseline behind predictions; None without one."""
    return read_predictions(predictions).metadata.get(RULE)


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
    over = f"{rows[0].units} {rows[0].unit}"
    axes.set_xlabel(f"UAR, % (mean over seeds; 95 % bootstrap interval over {over})")
    axes.grid(axis="x", alpha=0.3)
    if title:
        axes.set_title(title)
    # Ids inside an SVG are random without a salt.
    with atomic_path(path) as temporary, rc_context({"svg.hashsalt": "facewave"}):
        figure.savefig(temporary, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=snakemake.params.predictions,
            manifest=snakemake.input.manifest,
            reference=snakemake.params.reference,
            table=snakemake.output.table,
            scores=snakemake.output.scores,
            figure=snakemake.output.figure,
            seed=snakemake.params.seed,
        )
