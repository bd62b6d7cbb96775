"""Score the test predictions of a model over all folds, whether classes or values."""

import logging
from collections.abc import Sequence
from pathlib import Path

from facewave.evaluation.calibration import calibration
from facewave.evaluation.confusions import (
    ConfusedClasses,
    ConfusedClip,
    find_confused_classes,
    find_confused_clips,
)
from facewave.evaluation.evaluate import evaluate_folds, provenance, read_folds
from facewave.evaluation.figures import draw_confusion, draw_scatter
from facewave.evaluation.predictions import Predictions
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json
from facewave.storage.tables import write_rows


def main(
    *,
    predictions: Sequence[str],
    train_splits: Sequence[str],
    metrics: str,
    figure: str,
    title: str,
    confused_clips: str | None = None,
    confused_classes: str | None = None,
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
        confused_clips: to write (CSV): wrong predictions, most confident first; None: not written.
        confused_classes: to write (CSV): pairs of classes; None: not written.
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
    inputs = [*predictions, *train_splits, *(test_splits or [])]
    write_json(Path(metrics), {**scores, "provenance": provenance(read, inputs)})
    if isinstance(read[0].test, Predictions):
        draw_confusion(Path(figure), scores["overall"], title=title)
    else:
        draw_scatter(Path(figure), [fold.test for fold in read], title=title)
    if confused_clips:
        write_rows(Path(confused_clips), ConfusedClip, find_confused_clips(read))
    if confused_classes:
        write_rows(Path(confused_classes), ConfusedClasses, find_confused_classes(read))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=list(snakemake.input.predictions),
            train_splits=list(snakemake.input.train),
            metrics=snakemake.output.metrics,
            figure=snakemake.output.figure,
            confused_clips=getattr(snakemake.output, "confused_clips", None),
            confused_classes=getattr(snakemake.output, "confused_classes", None),
            title=snakemake.params.title,
            folds=snakemake.params.folds,
            test_splits=list(snakemake.input.test),
            seed=snakemake.params.seed,
        )
