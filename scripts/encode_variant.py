"""Encode the clips of several buckets as a variant has it; one index of all."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import FEATURE_COLUMNS, encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import job_log
from facewave.storage.store import iter_index
from facewave.storage.tables import write_index


def main(*, tracks: Sequence[str], index: str, store: str, options: Mapping[str, Any]) -> None:
    """Encode the clips, and write the rows of all buckets.

    Args:
        tracks: indexes of the trajectories, one per bucket.
        index: to write, see `encode_bucket`.
        store: folder of the store.
        options: of the stage `features`.
    """
    rows: list[Mapping[str, str]] = []
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "index.tsv"
        for path in tracks:
            encode_bucket(
                Path(path),
                index=own,
                store=Path(store),
                wavelet=WaveletOptions(**options["wavelet"]),
                quality=QualityOptions(**options["quality"]),
                face=FaceOptions(**options["features"]),
            )
            rows += iter_index(own, FEATURE_COLUMNS)
    write_index(Path(index), FEATURE_COLUMNS, rows)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            tracks=snakemake.input.tracks,
            index=snakemake.output.index,
            store=str(snakemake.params.store),
            options=snakemake.params.options,
        )
