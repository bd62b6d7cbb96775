"""Train the MLP on one fold with the clips' texts, alone or with the face, once per seed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds
from facewave.splits.read import read_split
from facewave.text.features import (
    GROUP,
    TextOptions,
    fit_text_features,
    read_split_texts,
    text_weights,
    with_texts,
)


def main(
    *,
    splits: Mapping[str, str],
    predictions: Sequence[str],
    options: Mapping[str, Any],
    text: Mapping[str, Any],
    face: bool,
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Write the predictions (Parquet) of the test part, one file per seed.

    Args:
        splits: `train`, `val` and `test` parts.
        predictions: to write.
        options: section `mlp`.
        text: see `facewave.text.features.TextOptions`.
        face: whether the face's groups (`mlp.inputs`) are inputs as well.
        seeds: of the training; the first one is that of the texts' reduction as well.
        threads: torch's threads.
    """
    mlp = MlpOptions.from_config(options)
    groups = mlp.inputs if face else ()
    mlp = replace(mlp, inputs=(*groups, GROUP))
    features = fit_text_features(
        read_split_texts(splits["train"]), TextOptions(**text), seed=seeds[0], threads=threads
    )
    parts = {
        name: with_texts(read_split(path, groups=groups), features(read_split_texts(path)))
        for name, path in splits.items()
    }
    job = TrainingJob(options=mlp, seed=seeds[0], threads=threads)
    trained = fit_predict_seeds(parts, job, seeds)
    for (model, answers), path in zip(trained, predictions, strict=True):
        metadata = {"seed": model.seed, **text, "weights": text_weights(TextOptions(**text))}
        write_predictions(
            Path(path),
            join_parts({"test": parts["test"]}, {"test": answers["test"]}, metadata=metadata),
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            splits={name: snakemake.input[name] for name in ("train", "val", "test")},
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            text=snakemake.params.text,
            face=snakemake.wildcards.variant == "face_text",
            seeds=snakemake.params.seeds,
            threads=snakemake.threads,
        )
