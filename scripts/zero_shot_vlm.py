"""Ask a pretrained vision-language model about the validation and test part of one fold."""

from typing import Any

from facewave.logs import job_log


def main(*, job: dict[str, Any], gpus: int) -> None:
    """Write predictions; see facewave.vlm.material.Job for the keys."""
    from facewave.vlm.job import launch
    from facewave.vlm.material import Job

    launch(Job(**job), gpus=gpus)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            job={
                "manifest": snakemake.input.manifest,
                "tracks": list(snakemake.input.tracks),
                "store": str(snakemake.params.store),
                "splits": {part: snakemake.input[part] for part in ("val", "test")},
                "outputs": {"predictions": snakemake.output.predictions},
                "options": snakemake.params.options,
                "default_fps": snakemake.params.default_fps,
                "seed": snakemake.params.seed,
                "version": snakemake.params.version,
                "threads": snakemake.threads,
            },
            gpus=snakemake.resources.gpu,
        )
