from collections.abc import Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.splits.card import read_part, write_card
from facewave.splits.partition import PARTS


def main(
    *, parts: Sequence[str], folds: Sequence[str], card: str, dataset: str, adapter: str
) -> None:
    """Write the card of a dataset's splits; `parts` are the files of its folds, fold after fold."""
    folder = Path(card).parent
    names = [(fold, part) for fold in folds for part in PARTS]
    found = [
        read_part(folder, Path(path), fold=fold, part=part)
        for path, (fold, part) in zip(parts, names, strict=True)
    ]
    write_card(folder, found, dataset=dataset, adapter=adapter)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            parts=snakemake.input.parts,
            folds=snakemake.params.folds,
            card=snakemake.output.card,
            dataset=snakemake.wildcards.dataset,
            adapter=snakemake.params.adapter,
        )
