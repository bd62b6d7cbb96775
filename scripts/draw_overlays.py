from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.overlay.options import OverlayOptions
from facewave.overlay.overlay_bucket import overlay_bucket
from facewave.video.isolated import Bounds, isolated_reader


def main(
    *,
    tracks: str,
    timeline: str,
    index: str,
    folder: str,
    store: str,
    options: Mapping[str, Any],
    default_fps: float,
    video: Mapping[str, Any],
) -> None:
    """Draw the overlays of a bucket; videos are read in a separate process, which may crash."""
    with isolated_reader(Bounds(**video)) as read:
        overlay_bucket(
            Path(tracks),
            Path(timeline),
            index=Path(index),
            folder=Path(folder),
            store=Path(store),
            options=OverlayOptions(**options),
            default_fps=default_fps,
            read=read,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            tracks=snakemake.input.tracks,
            timeline=snakemake.input.timeline,
            index=snakemake.output.index,
            folder=str(snakemake.params.folder),
            store=str(snakemake.params.store),
            options=snakemake.params.options,
            default_fps=snakemake.params.default_fps,
            video=snakemake.params.video,
        )
