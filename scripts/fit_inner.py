"""Train one variant on the inner folds of one outer fold; keep their test predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facewave.ablation.nested import inner_parts, read_ties
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds
from facewave.splits.partition import GROUPED_K_FOLD, SplitOptions
from facewave.splits.read import read_split


def main(
    *,
    train: str,
    val: str,
    predictions: Sequence[str],
    options: Mapping[str, Any],
    seeds: Sequence[int],
    folds: int,
    split: Mapping[str, Any],
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
        split: `val_fraction`, the fraction of an inner fold's training clips used for validation,
            and `allow_leaks`, what two inner folds may share.
        seed: of the division into inner folds.
        threads: torch's threads.
    """
    mlp = MlpOptions.from_config(options)
    train_part, val_part = (read_split(path, groups=mlp.inputs) for path in (train, val))
    table = train_part.joined(val_part)
    divided = inner_parts(
        table,
        read_ties([train, val]),
        options=SplitOptions(**split, protocol=GROUPED_K_FOLD, folds=folds, seed=seed),
    )
    places = {clip_id: place for place, clip_id in enumerate(table.clip_ids)}
    job = TrainingJob(options=mlp, seed=seeds[0], threads=threads)
    answers = np.empty((len(seeds), len(table), len(table.classes)), np.float32)
    for parts in divided:
        rows = [places[clip_id] for clip_id in parts["test"].clip_ids]
        for place, (_, own) in enumerate(fit_predict_seeds(parts, job, seeds)):
            answers[place, rows] = own["test"]
    for training_seed, own_answers, path in zip(seeds, answers, predictions, strict=True):
        write_predictions(
            Path(path),
            join_parts({"test": table}, {"test": own_answers}, metadata={"seed": training_seed}),
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            train=snakemake.params.splits[0]["train"],
            val=snakemake.params.splits[0]["val"],
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            seeds=snakemake.params.seeds,
            folds=snakemake.params.folds,
            split=snakemake.params.split,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
