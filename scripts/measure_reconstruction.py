"""Measure how the layouts rebuild the clips of a bucket."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from facewave.explain.reconstruction import measure_bucket, wanted_codes
from facewave.features.groups import FaceOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import job_log
from facewave.tracking.track_bucket import TrackOptions, retrack


def main(
    *,
    clips: str,
    tracks: str,
    model: str,
    table: str,
    store: str,
    layouts: Sequence[str],
    coefficients: Sequence[int],
    features: Mapping[str, Any],
    quality: Mapping[str, Any],
    track_options: Mapping[str, Any],
) -> None:
    """Write the errors of a bucket's clips (TSV).

    Args:
        clips: the bucket's key file.
        tracks: its index of trajectories.
        model: the landmarker bundle, for damaged shards.
        table: to write.
        store: folder of the store.
        layouts, coefficients: the codes to compare.
        features, quality: sections of the configuration.
        track_options: how clips are tracked.
    """
    measure_bucket(
        Path(tracks),
        table=Path(table),
        store=Path(store),
        codes=wanted_codes(layouts, coefficients),
        face=FaceOptions(**features),
        quality=QualityOptions(**quality),
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
            table=snakemake.output.table,
            store=str(snakemake.params.store),
            layouts=snakemake.params.layouts,
            coefficients=snakemake.params.coefficients,
            features=snakemake.params.features,
            quality=snakemake.params.quality,
            track_options=snakemake.params.track_options,
        )
