"""Ask a pretrained model about the test part of one fold."""

from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import with_commit


def main(*, job: dict[str, Any], threads: int, gpus: int) -> None:
    """Write predictions and answers; `job` is a facewave.vlm.zero_shot.run.ZeroShot."""
    # Only this job needs transformers, whose import takes seconds.
    from facewave.vlm.gpu_job import ASKING_ADVICE, gpu_job
    from facewave.vlm.zero_shot.run import ZeroShot, zero_shot

    with gpu_job(gpus, setting="zero_shot.gpus", advice=ASKING_ADVICE.format("zero_shot")):
        zero_shot(ZeroShot(**job), threads=threads, gpus=gpus)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            job={
                "manifest": snakemake.input.manifest,
                "tracks": list(snakemake.input.tracks),
                "store": str(snakemake.params.store),
                "test": snakemake.input.test,
                "predictions": snakemake.output.predictions,
                "answers": snakemake.output.answers,
                "index": str(snakemake.params.index),
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
