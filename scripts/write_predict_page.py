from collections.abc import Sequence
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.predict_page.write import RunFiles, write_pages


def main(
    *,
    predictions: str,
    timeline: str,
    summary: str,
    tracks: Sequence[str],
    overlays: Sequence[str],
    html: str,
    name: str,
    store: str,
) -> None:
    """Write the pages of a run."""
    files = RunFiles(
        name=name,
        predictions=Path(predictions),
        timeline=Path(timeline),
        summary=Path(summary),
        tracks=[Path(index) for index in tracks],
        overlays=[Path(index) for index in overlays],
        store=Path(store),
    )
    write_pages(files, html=Path(html))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            predictions=snakemake.input.predictions,
            timeline=snakemake.input.timeline,
            summary=snakemake.input.summary,
            tracks=snakemake.input.tracks,
            overlays=snakemake.input.overlays,
            html=snakemake.output.html,
            name=snakemake.params.name,
            store=str(snakemake.params.store),
        )
