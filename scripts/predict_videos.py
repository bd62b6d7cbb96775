from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.predict.bucket import predict_bucket
from facewave.predict.everybody import windows_of_everybody
from facewave.predict.load import open_model
from facewave.predict.rows import write_part
from facewave.predict.windows import ClipFiles, PredictionJob, read_windows
from facewave.vlm.gpu_job import gpu_job

_ADVICE = "set vlm.gpus: 0 to compute on the CPU, or use a GPU with more memory"


def main(
    *,
    tracks: str,
    features: str,
    enrolment: Sequence[tuple[str, str]],
    model: str,
    videos: str,
    windows: str,
    people: str,
    people_index: str,
    clips: Mapping[str, Any] | None,
    job: Mapping[str, Any],
) -> None:
    """Answer for the videos of a bucket.

    Args:
        tracks, features: indexes of the bucket.
        enrolment: indexes of all buckets, where the baseline is made of named clips.
        model: folder or checkpoint.
        videos, windows: parts to write.
        people: `primary` or `all`.
        people_index: names the shards of all people, see `windows_of_everybody`.
        clips: of a vision-language model, attributes of `ClipFiles`; None for other models.
        job: further attributes of `PredictionJob`.
    """
    own = read_windows(Path(tracks), Path(features))
    if people == "all":
        own = windows_of_everybody(
            own, store=job["store"], features=job["features"], index=Path(people_index)
        )
    others = [window for pair in enrolment for window in read_windows(*map(Path, pair))]
    shown = ClipFiles(tracks=Path(tracks), **clips) if clips else None
    with gpu_job(int(bool(shown and shown.gpu)), setting="vlm.gpus", advice=_ADVICE):
        found = predict_bucket(
            own,
            PredictionJob(model=open_model(Path(model), clips=shown), **job),
            enrolment=others or own,
            scratch=Path(videos).parent,
        )
    for path, rows in zip((videos, windows), found, strict=True):
        write_part(Path(path), rows)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            tracks=snakemake.input.tracks,
            features=snakemake.input.features,
            enrolment=list(
                zip(snakemake.input.all_tracks, snakemake.input.all_features, strict=True)
            ),
            model=str(snakemake.params.model),
            videos=snakemake.output.videos,
            windows=snakemake.output.windows,
            people=snakemake.params.people,
            people_index=str(snakemake.params.people_index),
            clips=(
                {
                    "manifest": Path(snakemake.input.manifest),
                    "store": Path(snakemake.params.store),
                    "default_fps": snakemake.params.default_fps,
                    "video": snakemake.params.video,
                    "gpu": bool(snakemake.params.gpus),
                }
                if snakemake.input.manifest
                else None
            ),
            job={
                "store": Path(snakemake.params.store),
                "features": snakemake.params.features,
                "tracks": snakemake.params.tracks,
                "threads": snakemake.threads,
                **snakemake.params.options,
            },
        )
