from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.splits.near_duplicates import hash_bucket
from facewave.video.isolated import Bounds, isolated_reader


def main(
    *, key: str, table: str, frames: int, default_fps: float, video: Mapping[str, Any]
) -> None:
    """Hash a few frames of each clip of a bucket."""
    with isolated_reader(Bounds(**video)) as read:
        hash_bucket(Path(key), table=Path(table), frames=frames, default_fps=default_fps, read=read)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            table=snakemake.output.table,
            frames=snakemake.params.frames,
            default_fps=snakemake.params.default_fps,
            video=snakemake.params.video,
        )
