from collections.abc import Sequence
from pathlib import Path

from facewave.evaluation.regression import draw_scatter, evaluate_regression_folds
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json


def main(
    *,
    predictions: Sequence[str],
    train_splits: Sequence[str],
    metrics: str,
    picture: str,
    title: str,
) -> None:
    """Write the scores (JSON) of predicted numbers over all folds, and their picture (PNG)."""
    write_json(Path(metrics), evaluate_regression_folds(predictions, train_splits))
    draw_scatter(Path(picture), predictions, title=title)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=list(snakemake.input.predictions),
            train_splits=list(snakemake.input.train),
            metrics=snakemake.output.metrics,
            picture=snakemake.output.picture,
            title=snakemake.params.title,
        )
