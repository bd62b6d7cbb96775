"""Fine-tune Qwen2.5-VL on one fold; answer about its validation and test parts."""

from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import with_commit


def main(*, job: dict[str, Any], threads: int, gpus: int) -> None:
    """Write weights, tables and predictions; `job` is a `fit_qwen.FineTuning`."""
    # Only this job needs transformers, whose import takes seconds.
    from facewave.vlm.fine_tuning.fit_qwen import FineTuning, fine_tune
    from facewave.vlm.gpu_job import gpu_job, training_advice

    advice = training_advice(
        job["options"]["training"]["batch_size"],
        checkpointing=job["options"]["lora"]["gradient_checkpointing"],
        images="`frames` of the model in zero_shot.models, or zero_shot.max_pixels",
    )
    with gpu_job(gpus, setting="zero_shot.gpus", advice=advice):
        fine_tune(FineTuning(**job), threads=threads, gpus=gpus)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            job={
                "manifest": snakemake.input.manifest,
                "tracks": list(snakemake.input.tracks),
                "store": str(snakemake.params.store),
                "splits": {part: snakemake.input[part] for part in ("train", "val", "test")},
                "outputs": {
                    name: snakemake.output[name]
                    for name in ("weights", "metrics", "steps", "predictions")
                },
                "checkpoints": str(snakemake.params.checkpoints),
                "options": {
                    **snakemake.params.options,
                    "model": with_commit(
                        snakemake.params.options["model"], snakemake.input.weights
                    ),
                },
                "default_fps": snakemake.params.default_fps,
                "video": snakemake.params.video,
                "seed": snakemake.params.seed,
                "version": snakemake.params.version,
            },
            threads=snakemake.threads,
            gpus=snakemake.params.gpus,
        )
