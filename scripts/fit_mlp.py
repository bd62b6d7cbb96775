"""Train the MLP on one fold and predict its validation and test parts."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.model import save_checkpoint
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import Epoch, TrainingJob, fit_predict
from facewave.splits.read import read_split


def main(
    *,
    train: str,
    val: str,
    test: str,
    checkpoint: str,
    metrics: str,
    predictions: str,
    options: Mapping[str, Any],
    seed: int,
    threads: int,
) -> None:
    """Write checkpoint, metrics (one row per epoch) and predictions; see facewave.mlp.train.

    While it runs, unnamed files beside the metrics hold the features, so that memory does not grow
    with them.

    Args:
        train: training part (Parquet).
        val: validation part; decides when training stops.
        test: test part; only predicted.
        checkpoint: to write (.pt).
        metrics: to write (CSV); `.partial` beside it while training runs.
        predictions: to write (Parquet), of the validation and test parts.
        options: section `mlp` of the configuration.
        seed: of weights, batch order and dropout.
        threads: torch's threads.
    """
    mlp, folder = MlpOptions.from_config(options), Path(metrics).parent
    parts = {
        name: read_split(path, groups=mlp.inputs, scratch=folder)
        for name, path in (("train", train), ("val", val), ("test", test))
    }
    job = TrainingJob(
        options=mlp, seed=seed, threads=threads, metrics_path=Path(metrics), on_epoch=_report
    )
    model, answers = fit_predict(parts, job)
    save_checkpoint(Path(checkpoint), model)
    digests = {name: table.metadata.get("data_sha256") for name, table in parts.items()}
    predicted = {name: parts[name] for name in answers}
    metadata = {
        "model": "mlp",
        "seed": seed,
        "best_epoch": model.best_epoch,
        "data_sha256": digests,
    }
    write_predictions(Path(predictions), join_parts(predicted, answers, metadata=metadata))


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
            predictions=snakemake.output.predictions,
            options=snakemake.params.options,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
