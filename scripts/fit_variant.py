"""Train one variant of the ablation on some folds, once per seed; keep its test predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.ablation.controls import SHUFFLED_LABELS, control_options, read_variant
from facewave.evaluation.predictions import (
    Predictions,
    join_parts,
    join_predictions,
    write_predictions,
)
from facewave.jobs.log import job_log
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds


def main(
    *,
    splits: Sequence[Mapping[str, str]],
    predictions: Sequence[str],
    options: Mapping[str, Any],
    control: str | None,
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Write the predictions (Parquet) of the test parts.

    Args:
        splits: `train`, `val` and `test` parts of each fold.
        predictions: to write, one per seed: of all folds, one after the other.
        options: section `mlp` of the variant.
        control: see `facewave.ablation.controls`.
        seeds: of the training.
        threads: torch's threads.
    """
    folds = [
        _of_fold(parts, options=options, control=control, seeds=seeds, threads=threads)
        for parts in splits
    ]
    for seed, path in zip(seeds, predictions, strict=True):
        write_predictions(Path(path), join_predictions([fold[seed] for fold in folds]))


def _of_fold(
    splits: Mapping[str, str],
    *,
    options: Mapping[str, Any],
    control: str | None,
    seeds: Sequence[int],
    threads: int,
) -> dict[int, Predictions]:
    """Return the predictions of a fold's test part, by seed."""
    mlp = control_options(MlpOptions.from_config(options), control)
    parts = {
        name: read_variant(Path(part), options=mlp, control=control)
        for name, part in splits.items()
    }
    job = TrainingJob(
        options=mlp, seed=seeds[0], threads=threads, shuffle_labels=control == SHUFFLED_LABELS
    )
    return {
        model.seed: join_parts(
            {"test": parts["test"]}, {"test": answers["test"]}, metadata={"seed": model.seed}
        )
        for model, answers in fit_predict_seeds(parts, job, seeds)
    }


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            splits=snakemake.params.splits,
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            control=snakemake.params.control,
            seeds=snakemake.params.seeds,
            threads=snakemake.threads,
        )
