"""Score the test predictions of a model over all folds, whether classes or values."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from facewave.evaluation.calibration import calibration
from facewave.evaluation.clip_table import write_clip_table
from facewave.evaluation.confusions import (
    ConfusedClasses,
    ConfusedClip,
    find_confused_classes,
    find_confused_clips,
)
from facewave.evaluation.evaluate import evaluate_folds, provenance, read_folds
from facewave.evaluation.figures import draw_confusion, draw_scatter
from facewave.evaluation.paper_table import paper_rows, write_table_csv, write_table_tex
from facewave.evaluation.predictions import INVALID_ANSWER, Predictions
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json
from facewave.storage.tables import write_rows

# Outputs beside the scores and their figure, which not every model has.
TABLES = ("confused_clips", "confused_classes", "clips", "table", "latex")


def main(
    *,
    predictions: Sequence[str],
    train_splits: Sequence[str],
    metrics: str,
    figure: str,
    title: str,
    tables: Mapping[str, str] | None = None,
    linear: Sequence[str] = (),
    folds: Sequence[str] | None = None,
    test_splits: Sequence[str] | None = None,
    seed: int = 0,
) -> None:
    """Write the scores (JSON) and their figure (PNG); see facewave.evaluation.evaluate.

    Args:
        predictions: predictions files, fold after fold, in each of them one per seed.
        train_splits: training part of each fold, in the same order, for the majority class.
        metrics: to write (JSON).
        figure: to write (PNG): the confusion matrix, or predicted over true values.
        title: of the figure.
        tables: to write, those that are named: `confused_clips` (CSV: wrong predictions, most
            confident first), `confused_classes` (CSV: pairs of classes), `clips` (CSV: all test
            clips), `table` and `latex` (recall of each class, UAR and WAR).
        linear: predictions of the linear model, one file per fold; its scores stand beside the
            majority class.
        folds: names of the folds; None: their numbers.
        test_splits: test part of each fold, which says where clips come from; None: not known.
        seed: of the confidence intervals.
    """
    read = read_folds(predictions, train_splits, names=folds)
    origins = read_origins(test_splits or [])
    scores = evaluate_folds(read, origins=origins, seed=seed)
    scores["calibration"] = calibration(read, test_splits or [], origins=origins)
    for line in (scores["calibration"] or {}).get("warnings", []):
        logging.getLogger("facewave").warning("%s: %s", title, line)
    if linear:
        own = evaluate_folds(
            read_folds(linear, train_splits, names=folds), origins=origins, seed=seed
        )
        scores["linear"] = own | {"calibration": scores["calibration"]}
    inputs = [*predictions, *linear, *train_splits, *(test_splits or [])]
    write_json(Path(metrics), {**scores, "provenance": provenance(read, inputs)})
    if isinstance(read[0].test, Predictions):
        draw_confusion(Path(figure), scores["overall"], title=title)
    else:
        draw_scatter(Path(figure), [fold.test for fold in read], title=title)
    places = {name: Path(path) for name, path in (tables or {}).items()}
    if "confused_clips" in places:
        write_rows(places["confused_clips"], ConfusedClip, find_confused_clips(read))
    if "confused_classes" in places:
        write_rows(places["confused_classes"], ConfusedClasses, find_confused_classes(read))
    if "clips" in places:
        write_clip_table(places["clips"], read, origins)
    if "table" in places:
        rows, task = paper_rows(scores), (scores["calibration"] or {}).get("text")
        classes = [name for name in scores["classes"] if name != INVALID_ANSWER]
        write_table_csv(places["table"], rows, classes=classes, calibration=task)
        caption = f"{title}: recall of each class, UAR and WAR in percent"
        caption += f"; {task}." if task else "."
        write_table_tex(places["latex"], rows, classes=classes, caption=caption)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=list(snakemake.input.predictions),
            train_splits=list(snakemake.input.train),
            metrics=snakemake.output.metrics,
            figure=snakemake.output.figure,
            title=snakemake.params.title,
            tables={
                name: getattr(snakemake.output, name)
                for name in TABLES
                if hasattr(snakemake.output, name)
            },
            linear=list(getattr(snakemake.input, "linear", [])),
            folds=snakemake.params.folds,
            test_splits=list(snakemake.input.test),
            seed=snakemake.params.seed,
        )
