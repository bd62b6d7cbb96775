from pathlib import Path

from facewave.jobs.log import job_log
from facewave.splits.near_duplicates import hash_bucket


def main(*, key: str, table: str, frames: int, default_fps: float) -> None:
    """Hash a few frames of each clip of a bucket."""
    hash_bucket(Path(key), table=Path(table), frames=frames, default_fps=default_fps)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            table=snakemake.output.table,
            frames=snakemake.params.frames,
            default_fps=snakemake.params.default_fps,
        )
