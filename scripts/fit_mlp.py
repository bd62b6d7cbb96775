"""Train the MLP on one fold and predict its validation and test parts."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.checkpoint import save_checkpoint
from facewave.mlp.epochs import Epoch, TrainingJob
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.mlp.parts import holds_features, read_part
from facewave.mlp.train import train_mlp


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
    memory_mb: int | None = None,
) -> None:
    """Write checkpoint, metrics (a row an epoch) and predictions; see facewave.mlp.train.

    Args:
        train: training part (Parquet).
        val: validation part: stops the training.
        test: test part: predicted, otherwise untouched.
        checkpoint: to write (.pt).
        metrics: to write (CSV); `.partial` beside it while training runs.
        predictions: to write (Parquet), of the validation and test parts.
        options: section `mlp` of the configuration.
        seed: of weights, batch order and dropout.
        threads: torch's threads.
        memory_mb: memory that the job asked for, in MiB.
    """
    mlp_options = MlpOptions.from_config(options)
    held = holds_features(Path(train), Path(val), options=mlp_options, job_mb=memory_mb)
    read = partial(read_part, options=mlp_options, held=held)
    parts = {"val": read(Path(val))}
    job = TrainingJob(
        options=mlp_options,
        seed=seed,
        threads=threads,
        metrics_path=Path(metrics),
        on_epoch=_report,
    )
    model, seen = train_mlp(read(Path(train)), parts["val"], job)
    save_checkpoint(Path(checkpoint), model)
    parts["test"] = read(Path(test))
    answers = join_parts(
        parts,
        {"val": seen, "test": predict(model, parts["test"], threads=threads)},
        metadata={
            "model": "mlp",
            "seed": seed,
            "best_epoch": model.best_epoch,
            "features_in_memory": held,
            "data_sha256": {
                "train": model.split_metadata.get("data_sha256"),
                **{name: table.metadata.get("data_sha256") for name, table in parts.items()},
            },
        },
    )
    write_predictions(Path(predictions), answers)


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
            memory_mb=snakemake.resources.mem_mb,
        )
