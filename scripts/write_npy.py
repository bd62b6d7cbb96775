from pathlib import Path

from facewave.export_npy import export_npy
from facewave.logs import job_log


def main(*, split: str, npy: str) -> None:
    """Write a split as an array of dicts."""
    export_npy(Path(split), Path(npy))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(split=snakemake.input.split, npy=snakemake.output.npy)
