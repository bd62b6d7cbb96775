from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.predict.bundle import read_member, save_bundle


def main(
    *,
    checkpoints: Sequence[str],
    train: Sequence[str],
    val: Sequence[str],
    test: Sequence[str],
    folder: str,
    name: str,
    trained_on: Mapping[str, Any],
    threads: int,
) -> None:
    """Write the models of all folds as one.

    Args:
        checkpoints: of the folds.
        train, val, test: their parts, in the same order.
        folder: to write to.
        name: of the model.
        trained_on: what to say of the data.
        threads: torch's.
    """
    members = [
        read_member(
            Path(checkpoint),
            learned=[Path(path) for path in learned],
            test=Path(path),
            threads=threads,
        )
        for checkpoint, *learned, path in zip(checkpoints, train, val, test, strict=True)
    ]
    save_bundle(Path(folder), members, name=name, trained_on=trained_on)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            checkpoints=snakemake.input.checkpoints,
            train=snakemake.input.train,
            val=snakemake.input.val,
            test=snakemake.input.test,
            folder=str(Path(snakemake.output.description).parent),
            name=snakemake.params.name,
            trained_on={
                "dataset": snakemake.params.name,
                "protocol": snakemake.params.protocol,
                "folds": len(snakemake.params.folds),
            },
            threads=snakemake.threads,
        )
