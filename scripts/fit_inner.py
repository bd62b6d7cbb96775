"""Train one variant on the inner folds of one outer fold; keep their test predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facewave.ablation.nested import inner_parts
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict
from facewave.splits.read import read_split, read_subjects


def main(
    *,
    train: str,
    val: str,
    predictions: Sequence[str],
    options: Mapping[str, Any],
    seeds: Sequence[int],
    folds: int,
    val_fraction: float,
    seed: int,
    threads: int,
) -> None:
    """Write the predictions (Parquet): each training clip once, in the order of the clips.

    The outer fold's test part is not among the inputs.

    Args:
        train, val: the outer fold's training and validation parts.
        predictions: to write, one per seed.
        options: section `mlp` of the variant.
        seeds: of the training.
        folds: number of inner folds.
        val_fraction: fraction of an inner fold's training clips used for validation.
        seed: of the division into inner folds.
        threads: torch's threads.
    """
    mlp = MlpOptions.from_config(options)
    train_part, val_part = (read_split(path, groups=mlp.inputs) for path in (train, val))
    table = train_part.joined(val_part)
    divided = inner_parts(
        table,
        read_subjects(train) | read_subjects(val),
        folds=folds,
        val_fraction=val_fraction,
        seed=seed,
    )
    places = {clip_id: place for place, clip_id in enumerate(table.clip_ids)}
    for training_seed, path in zip(seeds, predictions, strict=True):
        job = TrainingJob(options=mlp, seed=training_seed, threads=threads)
        answers = np.empty((len(table), len(table.classes)), np.float32)
        for parts in divided:
            rows = [places[clip_id] for clip_id in parts["test"].clip_ids]
            answers[rows] = fit_predict(parts, job)[1]["test"]
        write_predictions(
            Path(path),
            join_parts({"test": table}, {"test": answers}, metadata={"seed": training_seed}),
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            train=snakemake.input.train,
            val=snakemake.input.val,
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            seeds=snakemake.params.seeds,
            folds=snakemake.params.folds,
            val_fraction=snakemake.params.val_fraction,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
