"""Gather the transcripts of a dataset into one table, with a summary."""

from collections.abc import Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.manifest.clips import read_manifest
from facewave.speech.transcripts import read_indexes, summary, write_summary, write_transcripts


def main(
    *,
    manifest: str,
    indexes: Sequence[str],
    parquet: str,
    csv: str,
    counts: str,
    text_is_speech: bool,
) -> None:
    """Write the transcripts of all clips as one table, and counts and word error rate as JSON."""
    clips = read_manifest(Path(manifest))
    rows = read_indexes([Path(path) for path in indexes], clips)
    write_transcripts(rows, parquet=Path(parquet), table=Path(csv))
    write_summary(Path(counts), summary(rows, clips, text_is_speech=text_is_speech))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            manifest=snakemake.input.manifest,
            indexes=snakemake.input.indexes,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            counts=snakemake.output.summary,
            text_is_speech=snakemake.params.text_is_speech,
        )
