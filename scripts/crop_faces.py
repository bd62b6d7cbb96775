from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.tracking.face_crops import CropOptions, crop_bucket
from facewave.video.isolated import Bounds, isolated_reader


def main(
    *,
    key: str,
    tracks: str,
    index: str,
    folder: str,
    store: str,
    options: Mapping[str, Any],
    default_fps: float,
    video: Mapping[str, Any],
) -> None:
    """Write the face crops of a bucket's clips."""
    with isolated_reader(Bounds(**video)) as read:
        crop_bucket(
            Path(key),
            Path(tracks),
            index=Path(index),
            folder=Path(folder),
            store=Path(store),
            options=CropOptions(**options),
            default_fps=default_fps,
            read=read,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            tracks=snakemake.input.tracks,
            index=snakemake.output.index,
            folder=str(snakemake.params.folder),
            store=str(snakemake.params.store),
            options=snakemake.params.options,
            default_fps=snakemake.params.default_fps,
            video=snakemake.params.video,
        )
