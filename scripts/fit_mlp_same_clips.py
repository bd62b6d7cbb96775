"""Train the MLP on the clips of both stages of the vision-language models, on one fold."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.model import training_record
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds
from facewave.splits.read import read_split
from facewave.vlm.fine_tuning.clips import stage_rows


def main(
    *,
    parts: Mapping[str, str],
    predictions: str,
    options: Mapping[str, Any],
    shares: Mapping[str, float],
    seed: int,
    mlp_seed: int,
    threads: int,
) -> None:
    """Write the answers about the validation and test part.

    Args:
        parts: `train`, `val` and `test` to their files (Parquet).
        predictions: to write (Parquet).
        options: section `mlp` of the configuration.
        shares: of the training part, by stage.
        seed: that the clips of the stages are drawn by.
        mlp_seed: of weights, batch order and dropout.
        threads: torch's threads.
    """
    mlp = MlpOptions.from_config(options)
    tables = {name: read_split(path, groups=mlp.inputs) for name, path in parts.items()}
    train = tables["train"]
    chosen = stage_rows(train.clip_ids, train.labels.tolist(), shares=shares, seed=seed)
    rows = np.sort(np.concatenate(list(chosen.values())))
    tables["train"] = train.take(rows)
    job = TrainingJob(options=mlp, seed=mlp_seed, threads=threads)
    ((model, answers),) = fit_predict_seeds(tables, job, [mlp_seed])
    metadata = {
        "model": "mlp",
        "seed": model.seed,
        "clips": int(rows.size),
        "training": training_record(model),
        "data_sha256": {name: table.metadata.get("data_sha256") for name, table in tables.items()},
    }
    predicted = {name: tables[name] for name in answers}
    write_predictions(Path(predictions), join_parts(predicted, answers, metadata=metadata))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            parts={part: snakemake.input[part] for part in ("train", "val", "test")},
            predictions=snakemake.output.predictions,
            options=snakemake.params.options,
            shares=snakemake.params.shares,
            seed=snakemake.params.seed,
            mlp_seed=snakemake.params.mlp_seed,
            threads=snakemake.threads,
        )
