import json
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.manifest.targets import write_targets


def main(*, key: str, parquet: str) -> None:
    """Write the targets of a dataset's clips as a table."""
    write_targets(json.loads(Path(key).read_text(encoding="utf-8")), Path(parquet))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(key=snakemake.input.key, parquet=snakemake.output.parquet)
