from pathlib import Path

from facewave.jobs.log import job_log
from facewave.upkeep.verify import verify_store


def main(*, results: str, store: str, part: str, report: str) -> None:
    """Read the store, write what was found as JSON, and fail if anything is damaged.

    Args:
        results, store, part: as for `facewave.upkeep.verify.verify_store`.
        report: to write (JSON).
    """
    found = verify_store(Path(results), Path(store), part=part)
    found.write(Path(report))
    print(found.judge("verify_store", report=Path(report)))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            results=str(snakemake.params.results),
            store=str(snakemake.params.store),
            part=snakemake.params.part,
            report=str(snakemake.params.report),
        )
