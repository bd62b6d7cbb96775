from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.logs import job_log
from facewave.planned_clips import planned_clips
from facewave.speech.transcripts import read_indexes, summary, write_summary, write_transcripts


def main(
    *,
    key: str,
    indexes: Sequence[str],
    parquet: str,
    csv: str,
    counts: str,
    dataset: str,
    options: Mapping[str, Any],
    demo_root: str,
    seed: int,
    text_is_speech: bool,
) -> None:
    """Write the transcripts of all clips as one table, and counts and word error rate."""
    clips, _ = planned_clips(
        Path(key), dataset=dataset, options=options, demo_root=Path(demo_root), seed=seed
    )
    rows = read_indexes([Path(path) for path in indexes], clips)
    write_transcripts(rows, parquet=Path(parquet), table=Path(csv))
    write_summary(Path(counts), summary(rows, clips, text_is_speech=text_is_speech))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            key=snakemake.input.key,
            indexes=snakemake.input.indexes,
            parquet=snakemake.output.parquet,
            csv=snakemake.output.csv,
            counts=snakemake.output.summary,
            dataset=snakemake.params.dataset,
            options=snakemake.params.options,
            demo_root=str(snakemake.params.demo_root),
            seed=snakemake.params.seed,
            text_is_speech=snakemake.params.text_is_speech,
        )
