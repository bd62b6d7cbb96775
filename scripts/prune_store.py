import logging
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.upkeep.prune import prune_store

_SHOWN = 20


def main(*, results: str, store: str, apply: bool) -> None:
    """Say what nothing needs and how much it is; remove it if told to.

    Args:
        results, store, apply: as for `facewave.upkeep.prune.prune_store`.
    """
    found = prune_store(Path(results), Path(store), apply=apply)
    size = f"{found.removed_bytes / 1e6:.1f} MB"
    lines = [f"prune_store: {path}" for path in found.removed]
    about = f"{found.kept} shards are needed, {found.young} files are younger than a day and stay"
    if apply:
        lines.append(f"prune_store: {len(found.removed)} files removed ({size}); {about}")
    else:
        lines.append(
            f"prune_store: {len(found.removed)} files would be removed ({size}); {about}. This was "
            "only a look: snakemake prune_store --config prune=apply removes them"
        )
    for line in lines:
        logging.getLogger("facewave").info(line)
    print("\n".join(lines[-_SHOWN:]))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            results=str(snakemake.params.results),
            store=str(snakemake.params.store),
            apply=snakemake.params.apply,
        )
