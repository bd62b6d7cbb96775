from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.manifest.clips import read_manifest
from facewave.splits.near_duplicates import PAIR_COLUMNS, compare_datasets, read_hashes
from facewave.storage.atomic import write_text
from facewave.storage.tables import format_rows


def main(
    *,
    manifests: Mapping[str, str],
    hashes: Mapping[str, Sequence[str]],
    table: str,
    min_frames: int,
    max_distance: int,
) -> None:
    """Write the pairs of similar clips from different datasets, and print how many there are."""
    about = {
        name: {
            clip.clip_id: {"actual": clip.actual, "fold": clip.fold, "split": clip.split}
            for clip in read_manifest(Path(path))
        }
        for name, path in manifests.items()
    }
    rows = list(
        compare_datasets(
            {name: read_hashes([Path(path) for path in paths]) for name, paths in hashes.items()},
            about,
            min_frames=min_frames,
            max_distance=max_distance,
        )
    )
    write_text(Path(table), format_rows(PAIR_COLUMNS, rows))
    compared = ", ".join(hashes) if len(hashes) > 1 else "one dataset: nothing to compare"
    print(f"{len(rows)} pairs of clips look alike ({compared}): {table}", flush=True)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        names, tables = snakemake.params.datasets, iter(snakemake.input.hashes)
        main(
            manifests=dict(zip(names, snakemake.input.manifests, strict=True)),
            hashes={
                name: list(islice(tables, count))
                for name, count in zip(names, snakemake.params.counts, strict=True)
            },
            table=snakemake.output.table,
            min_frames=snakemake.params.min_frames,
            max_distance=snakemake.params.max_distance,
        )
