import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.chatter import without_chatter
from facewave.jobs.log import job_log
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.worker import IsolatedTracker
from facewave.video.content import digest_with
from facewave.video.isolated import WORKER, Bounds, isolated_reader


def main(
    *,
    key: str,
    model: str | None,
    index: str,
    store: str,
    options: Mapping[str, Any],
    video: Mapping[str, Any],
) -> None:
    """Track the clips of a bucket in a separate process: if one crashes it, the others go on.

    Without a model they are tables of landmarks, which are read here.
    """
    # A benchmark names its own worker for its made-up clips (benchmarks/scale/).
    worker = os.environ.get("FACEWAVE_TRACKING_WORKER", WORKER)
    with isolated_reader(Bounds(**video), module=worker) as read:
        track_bucket(
            Path(key),
            index=Path(index),
            store=Path(store),
            model=Path(model) if model else None,
            options=TrackOptions.from_params(options),
            track=IsolatedTracker(read),
            digest=digest_with(read),
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]), without_chatter():
        main(
            key=snakemake.input.key,
            model=next(iter(snakemake.input.model), None),
            index=snakemake.output.index,
            store=str(snakemake.params.store),
            options=snakemake.params.options,
            video=snakemake.params.video,
        )
