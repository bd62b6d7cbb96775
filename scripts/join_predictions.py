import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.predict.join import join_parts
from facewave.predict.load import open_model
from facewave.predict.trust import Judge


def main(
    *,
    videos: Sequence[str],
    windows: Sequence[str],
    model: str,
    predictions: str,
    timeline: str,
    summary: str,
    description: Mapping[str, Any],
) -> None:
    """Write the tables of a run.

    Args:
        videos, windows: parts of all buckets.
        model: folder or checkpoint.
        predictions, timeline: CSV to write.
        summary: JSON to write.
        description: of the run: its `options`, and those of the stages before it.
    """
    loaded = open_model(Path(model))
    judge = Judge(model=loaded, error_rate=description["options"]["error_rate"])
    counts = join_parts(
        [Path(path) for path in videos],
        [Path(path) for path in windows],
        predictions=Path(predictions),
        timeline=Path(timeline),
        summary=Path(summary),
        description={
            **description,
            "classes": list(loaded.classes),
            "model": {
                "name": loaded.name,
                "path": model,
                "sha256": loaded.sha256,
                "members": loaded.networks,
                "baseline": loaded.baseline,
                "checked_on": f"{loaded.conformal.people} {loaded.conformal.unit}",
                "checked_part": loaded.held_out_part,
                "new_people": loaded.new_people,
                "doubt": judge.doubt,
            },
        },
    )
    logging.getLogger("facewave").info(
        "%d videos, %d with an answer, %d of them to be trusted: %s",
        counts["videos"],
        counts["answered"],
        counts["trusted"],
        predictions,
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            videos=snakemake.input.videos,
            windows=snakemake.input.windows,
            model=str(snakemake.params.model),
            predictions=snakemake.output.predictions,
            timeline=snakemake.output.timeline,
            summary=snakemake.output.summary,
            description={
                "options": snakemake.params.options,
                "features": snakemake.params.features,
                "tracks": snakemake.params.tracks,
            },
        )
