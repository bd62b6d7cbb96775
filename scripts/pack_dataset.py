from collections.abc import Mapping, Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.packing.write import pack_salt, write_pack
from facewave.splits.partition import PARTS


def main(
    *,
    manifest: str,
    tracks: Sequence[str],
    parts: Sequence[str],
    pack: str,
    options: Mapping[str, str],
    dataset: str,
    classes: Sequence[str],
    folds: Sequence[str],
    store: str,
) -> None:
    """Write the pack of a dataset; `parts` are the files of its folds, fold after fold."""
    count = len(PARTS)
    splits = {
        fold: dict(zip(PARTS, map(Path, parts[at * count : (at + 1) * count]), strict=True))
        for at, fold in enumerate(folds)
    }
    salt = Path(pack).parent / "pack_salt.txt"
    write_pack(
        Path(pack),
        dataset=dataset,
        classes=classes,
        manifest=Path(manifest),
        indexes=[Path(path) for path in tracks],
        splits=splits,
        store=Path(store),
        salt=pack_salt(salt) if options["names"] == "hashed" else None,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            manifest=snakemake.input.manifest,
            tracks=snakemake.input.tracks,
            parts=snakemake.input.parts,
            pack=snakemake.output.pack,
            options=snakemake.params.options,
            dataset=snakemake.wildcards.dataset,
            classes=snakemake.params.classes,
            folds=snakemake.params.folds,
            store=str(snakemake.params.store),
        )
