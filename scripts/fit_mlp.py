"""Train the MLP on one fold, once per seed, and predict its validation and test parts."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facewave.evaluation.names import LINEAR
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.mlp.held_out import with_people
from facewave.mlp.linear import fit_linear
from facewave.mlp.model import save_checkpoint, training_record
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import Epoch, TrainingJob, fit_predict_seeds
from facewave.splits.read import read_split


def main(
    *,
    train: str,
    val: str,
    test: str,
    checkpoint: str,
    metrics: str,
    predictions: Sequence[str],
    linear: str,
    options: Mapping[str, Any],
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Write checkpoint, metrics (one row per epoch) and predictions; see facewave.mlp.train.

    While it runs, unnamed files beside the metrics hold the features, so that memory does not grow
    with them.

    Args:
        train: training part (Parquet).
        val: validation part; decides when training stops.
        test: test part; only predicted.
        checkpoint: to write (.pt), the model of the first seed.
        metrics: to write (CSV), of the first seed; `.partial` beside it while training runs.
        predictions: to write (Parquet), of the validation and test parts, one file per seed.
        linear: to write (Parquet), the same of a logistic regression on the same features.
        options: section `mlp` of the configuration.
        seeds: of weights, batch order and dropout.
        threads: torch's threads.
    """
    mlp, folder = MlpOptions.from_config(options), Path(metrics).parent
    parts = {
        name: read_split(path, groups=mlp.inputs, scratch=folder)
        for name, path in (("train", train), ("val", val), ("test", test))
    }
    job = TrainingJob(
        options=mlp, seed=seeds[0], threads=threads, metrics_path=Path(metrics), on_epoch=_report
    )
    trained = fit_predict_seeds(parts, job, seeds)
    val_table = parts["val"]
    seen = [val_table.clip_ids[row] for row in np.flatnonzero(val_table.valid)]
    kept = trained[0][0]
    found = with_people(kept.held_out, seen, read_origins([val]), read_origins([train]))
    save_checkpoint(Path(checkpoint), replace(kept, held_out=found))
    digests = {name: table.metadata.get("data_sha256") for name, table in parts.items()}
    for (model, answers), path in zip(trained, predictions, strict=True):
        predicted = {name: parts[name] for name in answers}
        metadata = {
            "model": "mlp",
            "seed": model.seed,
            "training": training_record(model),
            "data_sha256": digests,
        }
        write_predictions(Path(path), join_parts(predicted, answers, metadata=metadata))
    model = trained[0][0]
    fitted = fit_linear(model, parts, threads=threads)
    record = {"c": fitted.c, **training_record(model)}
    metadata = {"model": LINEAR, "seed": None, "training": record, "data_sha256": digests}
    predicted = {name: parts[name] for name in fitted.probabilities}
    write_predictions(Path(linear), join_parts(predicted, fitted.probabilities, metadata=metadata))


def _report(epoch: Epoch) -> None:
    logging.getLogger("facewave.train_mlp").info(
        "epoch %d: loss %.4f, validation loss %.4f, UAR %.1f %%, WAR %.1f %%",
        epoch.epoch,
        epoch.train_loss,
        epoch.val_loss,
        100 * epoch.val_uar,
        100 * epoch.val_war,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            train=snakemake.input.train,
            val=snakemake.input.val,
            test=snakemake.input.test,
            checkpoint=snakemake.output.checkpoint,
            metrics=snakemake.output.metrics,
            predictions=list(snakemake.output.predictions),
            linear=snakemake.output.linear,
            options=snakemake.params.options,
            seeds=snakemake.params.seeds,
            threads=snakemake.threads,
        )
