from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.timings import read_timings, write_timings

if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        write_timings(
            read_timings(Path(snakemake.params.results)),
            html=Path(snakemake.output.html),
            table=Path(snakemake.output.table),
        )
