from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import job_log


def main(
    *,
    tracks: str,
    index: str,
    store: str,
    options: Mapping[str, Any],
) -> None:
    """Encode the clips of a bucket."""
    encode_bucket(
        Path(tracks),
        index=Path(index),
        store=Path(store),
        wavelet=WaveletOptions(**options["wavelet"]),
        quality=QualityOptions(**options["quality"]),
        face=FaceOptions(**options["features"]),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            tracks=snakemake.input.tracks,
            index=snakemake.output.index,
            store=str(snakemake.params.store),
            options=snakemake.params.options,
        )
