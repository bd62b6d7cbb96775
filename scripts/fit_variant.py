"""Train one variant of the ablation on one fold, once a seed; keep its test answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from facewave.ablation.controls import control_options, read_variant
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.epochs import TrainingJob
from facewave.mlp.model import predict
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import train_mlp


def main(
    *,
    splits: Mapping[str, str],
    predictions: Sequence[str],
    options: Mapping[str, Any],
    control: str | None,
    seeds: Sequence[int],
    threads: int,
) -> None:
    """Write the predictions (Parquet) of the test part.

    Args:
        splits: `train`, `val` and `test` part.
        predictions: to write, one a seed.
        options: section `mlp` of the variant.
        control: see `facewave.ablation.controls`.
        seeds: of the training.
        threads: torch's threads.
    """
    mlp = control_options(MlpOptions.from_config(options), control)
    for seed, path in zip(seeds, predictions, strict=True):
        _fit(splits, Path(path), mlp=mlp, control=control, seed=seed, threads=threads)


def _fit(
    splits: Mapping[str, str],
    predictions: Path,
    *,
    mlp: MlpOptions,
    control: str | None,
    seed: int,
    threads: int,
) -> None:
    parts = {
        name: read_variant(Path(path), options=mlp, control=control, part=name, seed=seed)
        for name, path in splits.items()
    }
    with TemporaryDirectory() as folder:
        metrics = Path(folder) / "metrics.csv"
        job = TrainingJob(options=mlp, seed=seed, metrics_path=metrics, threads=threads)
        model, _ = train_mlp(parts["train"], parts["val"], job)
    answers = predict(model, parts["test"], threads=threads)
    write_predictions(
        predictions,
        join_parts({"test": parts["test"]}, {"test": answers}, metadata={"seed": seed}),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            splits={name: snakemake.input[name] for name in ("train", "val", "test")},
            predictions=list(snakemake.output.predictions),
            options=snakemake.params.options,
            control=snakemake.params.control,
            seeds=snakemake.params.seeds,
            threads=snakemake.threads,
        )
