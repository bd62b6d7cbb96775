from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import job_log
from facewave.tracking.track_bucket import TrackOptions, retrack


def main(
    *,
    clips: str,
    tracks: str,
    model: str,
    index: str,
    store: str,
    options: Mapping[str, Any],
    track_options: Mapping[str, Any],
) -> None:
    """Encode the clips of a bucket; a damaged trajectory is tracked again on the spot."""
    encode_bucket(
        Path(tracks),
        index=Path(index),
        store=Path(store),
        wavelet=WaveletOptions(**options["wavelet"]),
        quality=QualityOptions(**options["quality"]),
        face=FaceOptions(**options["features"]),
        retrack=partial(
            retrack,
            key_file=Path(clips),
            store=Path(store),
            model=Path(model),
            options=TrackOptions.from_params(track_options),
        ),
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            clips=snakemake.input.clips,
            tracks=snakemake.input.tracks,
            model=snakemake.input.model,
            index=snakemake.output.index,
            store=str(snakemake.params.store),
            options=snakemake.params.options,
            track_options=snakemake.params.track_options,
        )
