from pathlib import Path

from facewave.jobs.log import job_log
from facewave.splits.export_npy import export_npy


def main(*, split: str, npy: str) -> None:
    """Write a split as an array of dicts."""
    export_npy(Path(split), Path(npy))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(split=snakemake.input.split, npy=snakemake.output.npy)
