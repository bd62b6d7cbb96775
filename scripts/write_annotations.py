"""Describe every clip of a dataset with a vision-language model."""

from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import with_commit


def main(*, job: dict[str, Any], threads: int, gpus: int) -> None:
    """Write the descriptions; `job` is a facewave.annotation.annotate.Annotation."""
    # Only this job needs transformers, whose import takes seconds.
    from facewave.annotation.annotate import Annotation, Source, annotate
    from facewave.vlm.gpu_job import ASKING_ADVICE, gpu_job

    sources = {
        name: Source(**job[name]) if job[name] is not None else None
        for name in ("target", "examples")
    }
    with gpu_job(gpus, setting="annotate.gpus", advice=ASKING_ADVICE.format("annotate")):
        annotate(Annotation(**{**job, **sources}), threads=threads, gpus=gpus)


def _source(name: str | None, manifest: Any, tracks: Any, classes: Any) -> dict[str, Any] | None:
    if name is None:
        return None
    return {"name": name, "manifest": manifest, "tracks": list(tracks), "classes": list(classes)}


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        given, params = snakemake.input, snakemake.params
        main(
            job={
                "target": _source(params.target, given.manifest, given.tracks, params.classes),
                "examples": _source(
                    params.examples,
                    given.get("example_manifest"),
                    given.get("example_tracks") or [],
                    params.example_classes,
                ),
                "near_duplicates": given.get("near_duplicates") or None,
                "store": str(params.store),
                "outputs": {
                    name: snakemake.output[name] for name in ("parquet", "csv", "examples")
                },
                "index": str(params.index),
                "options": with_commit(params.options, given.weights),
                "default_fps": params.default_fps,
                "video": params.video,
                "seed": params.seed,
                "version": params.version,
            },
            threads=snakemake.threads,
            gpus=snakemake.params.gpus,
        )
