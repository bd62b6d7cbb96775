"""Train the MLP on the values of one fold, once per seed, and predict validation and test part."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import join_values, write_predictions
from facewave.jobs.log import job_log
from facewave.manifest.targets import read_target_values
from facewave.mlp.model import save_checkpoint
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds
from facewave.mlp.values import ValueEpoch, training_mean
from facewave.splits.read import read_split


def main(
    *,
    parts: Mapping[str, str],
    targets: str,
    checkpoint: str,
    metrics: str,
    predictions: Sequence[str],
    options: Mapping[str, Any],
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Write checkpoint, metrics (one row per epoch) and predictions; see facewave.mlp.train.

    Args:
        parts: the Parquet files of `train`, `val` and `test`.
        targets: the table of targets (Parquet).
        checkpoint: to write (.pt), the model of the first seed.
        metrics: to write (CSV), of the first seed; `.partial` beside it while training runs.
        predictions: to write (Parquet), of the validation and test parts, one file per seed.
        options: section `mlp` of the configuration, with the columns of the targets.
        seeds: of weights, batch order and dropout.
        threads: torch's threads.
    """
    mlp, folder = MlpOptions.from_config(options), Path(metrics).parent
    names = mlp.targets.columns if mlp.targets else ()
    tables = {}
    for part, path in parts.items():
        table = read_split(path, groups=mlp.inputs, scratch=folder)
        values = read_target_values(Path(targets), names, table.clip_ids)
        tables[part] = replace(table, targets=values)
    job = TrainingJob(
        options=mlp, seed=seeds[0], threads=threads, metrics_path=Path(metrics), on_epoch=_report
    )
    trained = fit_predict_seeds(tables, job, seeds)
    save_checkpoint(Path(checkpoint), trained[0][0])
    digests = {name: table.metadata.get("data_sha256") for name, table in tables.items()}
    for (model, answers), path in zip(trained, predictions, strict=True):
        found = join_values(
            {part: tables[part] for part in answers},
            answers,
            names=names,
            mean=training_mean(tables["train"]),
            metadata={
                "model": "mlp",
                "seed": model.seed,
                "best_epoch": model.best_epoch,
                "training": {"options": asdict(model.options), "epochs": model.best_epoch},
                "data_sha256": digests,
            },
        )
        write_predictions(Path(path), found)


def _report(epoch: ValueEpoch) -> None:
    logging.getLogger("facewave.train_mlp").info(
        "epoch %d: loss %.4f, validation loss %.4f, MAE %.3f standard deviations, CCC %.3f",
        epoch.epoch,
        epoch.train_loss,
        epoch.val_loss,
        epoch.val_mae,
        epoch.val_ccc,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            parts={part: snakemake.input[part] for part in ("train", "val", "test")},
            targets=snakemake.input.targets,
            checkpoint=snakemake.output.checkpoint,
            metrics=snakemake.output.metrics,
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            seeds=snakemake.params.seeds,
            threads=snakemake.threads,
        )
