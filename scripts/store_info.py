from pathlib import Path

from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json
from facewave.upkeep.inventory import take_inventory


def main(*, results: str, store: str, report: str) -> None:
    """Print what the store holds, and write it as JSON.

    Args:
        results, store: as for `facewave.upkeep.inventory.take_inventory`.
        report: to write (JSON).
    """
    found = take_inventory(Path(results), Path(store))
    write_json(Path(report), found.to_json())
    print(found.text())


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            results=str(snakemake.params.results),
            store=str(snakemake.params.store),
            report=str(snakemake.params.report),
        )
