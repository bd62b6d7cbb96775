import logging
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.planning.prune import prune_store


def main(*, results: str, store: str) -> None:
    """Remove the shards that no index names, and say how much was removed."""
    pruned = prune_store(Path(results), Path(store))
    message = (
        f"prune_store: {pruned.removed} files removed ({pruned.removed_bytes / 1e6:.1f} MB), "
        f"{pruned.kept} shards kept"
    )
    logging.getLogger("facewave").info(message)
    print(message)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(results=str(snakemake.params.results), store=str(snakemake.params.store))
