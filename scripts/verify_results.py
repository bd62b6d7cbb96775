from pathlib import Path

from facewave.jobs.log import job_log
from facewave.upkeep.verify import verify_results


def main(*, results: str, report: str) -> None:
    """Read the results, write what was found as JSON, and fail if anything is damaged.

    Args:
        results: as for `facewave.upkeep.verify.verify_results`.
        report: to write (JSON).
    """
    found = verify_results(Path(results))
    found.write(Path(report))
    print(found.judge("verify_results", report=Path(report)))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            results=str(snakemake.params.results),
            report=str(snakemake.params.report),
        )
