"""Transcribe the clips of one bucket."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.gpus import taken_gpus
from facewave.jobs.log import job_log
from facewave.speech.engines import EngineOptions, find_engine
from facewave.speech.transcribe_bucket import transcribe_bucket
from facewave.video.isolated import Bounds, isolated_reader


def main(
    *,
    key: str,
    index: str,
    store: str,
    options: Mapping[str, Any],
    silence_dbfs: float,
    default_fps: float,
    gpus: int,
    threads: int,
    video: Mapping[str, Any],
) -> None:
    """Transcribe the clips of a bucket."""
    with isolated_reader(Bounds(**video)) as read, taken_gpus(gpus, setting="transcripts.gpus"):
        transcribe_bucket(
            Path(key),
            index=Path(index),
            store=Path(store),
            engine=find_engine(EngineOptions(**options), gpu=gpus > 0, threads=threads),
            silence_dbfs=silence_dbfs,
            default_fps=default_fps,
            read=read,
        )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            index=snakemake.output.index,
            store=str(snakemake.params.store),
            options=snakemake.params.options,
            silence_dbfs=snakemake.params.silence_dbfs,
            default_fps=snakemake.params.default_fps,
            video=snakemake.params.video,
            gpus=snakemake.resources.gpu,
            threads=snakemake.threads,
        )
