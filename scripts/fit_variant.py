"""Train one variant of the ablation on one fold, once per seed; keep its test predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.ablation.controls import control_options, read_variant
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.jobs.log import job_log
from facewave.mlp.options import MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict_seeds


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
        splits: `train`, `val` and `test` parts.
        predictions: to write, one per seed.
        options: section `mlp` of the variant.
        control: see `facewave.ablation.controls`.
        seeds: of the training.
        threads: torch's threads.
    """
    mlp = control_options(MlpOptions.from_config(options), control)
    # Shuffled labels are others for each seed, so that these are trained one after the other.
    alone = control == "shuffled_labels"
    for together in [[seed] for seed in seeds] if alone else [seeds]:
        parts = {
            name: read_variant(
                Path(part), options=mlp, control=control, part=name, seed=together[0]
            )
            for name, part in splits.items()
        }
        job = TrainingJob(options=mlp, seed=together[0], threads=threads)
        for model, answers in fit_predict_seeds(parts, job, together):
            test = join_parts(
                {"test": parts["test"]}, {"test": answers["test"]}, metadata={"seed": model.seed}
            )
            write_predictions(Path(predictions[list(seeds).index(model.seed)]), test)


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
