"""Train one stage of a model with a face on one fold; answer about validation and test part."""

from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import with_commit
from facewave.vlm.plan import with_speed


def main(*, job: dict[str, Any], gpus: int) -> None:
    """Write weights, tables and predictions; `job` is a facewave.vlm.fine_tuning.job_inputs.Job."""
    # Only this job needs transformers, whose import takes seconds.
    from facewave.vlm.fine_tuning.job_inputs import Job
    from facewave.vlm.fine_tuning.launch import launch, memory_advice
    from facewave.vlm.gpu_job import gpu_job

    given = Job(**job)
    with gpu_job(gpus, setting="vlm.gpus", advice=memory_advice(given)):
        launch(given, gpus=gpus)


def _single(files: Any) -> str | None:
    """Return an input that may be missing: Snakemake gives a path, or an empty list."""
    return files if isinstance(files, str) else None


if __name__ == "__main__":
    options = snakemake.params.options
    with job_log(snakemake.log[0]):
        main(
            job={
                "manifest": snakemake.input.manifest,
                "tracks": list(snakemake.input.tracks),
                "store": str(snakemake.params.store),
                "splits": {part: snakemake.input[part] for part in ("train", "val", "test")},
                "targets": _single(snakemake.input.targets),
                "start": _single(snakemake.input.start),
                "outputs": {
                    name: str(Path(snakemake.output[name]))
                    for name in ("weights", "metrics", "steps", "movement", "predictions")
                },
                "checkpoints": str(snakemake.params.checkpoints),
                "options": with_speed(
                    {**options, "model": with_commit(options["model"], snakemake.input.weights)},
                    snakemake.params.speed,
                ),
                "default_fps": snakemake.params.default_fps,
                "video": snakemake.params.video,
                "seed": snakemake.params.seed,
                "version": snakemake.params.version,
                "threads": snakemake.threads,
            },
            gpus=snakemake.params.gpus,
        )
