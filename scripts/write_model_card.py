from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.report.clips import read_clips
from facewave.report.model_card import CardFacts, write_model_card
from facewave.report.scores import read_scores
from facewave.report.subgroups import read_subgroups


def main(
    *,
    description: str,
    card: str,
    indexes: Mapping[str, Sequence[str]],
    manifest: str,
    tests: Sequence[str],
    metrics: str,
    clip_table: str,
    facts: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the model card of a dataset's model.

    Args:
        description: `model.json` of the model.
        card: to write.
        indexes: of the stages `tracks` and `features`.
        manifest: of the dataset.
        tests: test parts of the folds.
        metrics, clip_table: of the evaluation.
        facts: `dataset`, its `options`, and `card`, what the configuration says of it.
        seed: of the intervals.
    """
    clips = read_clips(Path(manifest), map(Path, indexes["tracks"]), map(Path, indexes["features"]))
    subgroups = read_subgroups(
        Path(clip_table),
        clips,
        read_origins(tests),
        adapter=facts["options"]["adapter"],
        seed=seed,
    )
    found = CardFacts(
        folder=Path(description).parent,
        scores=read_scores(Path(metrics)),
        clips=clips,
        subgroups=subgroups,
        **facts,
    )
    write_model_card(found, Path(card))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            description=snakemake.input.description,
            card=snakemake.output.card,
            indexes={
                "tracks": list(snakemake.input.tracks),
                "features": list(snakemake.input.features),
            },
            manifest=snakemake.input.manifest,
            tests=list(snakemake.input.test),
            metrics=snakemake.input.metrics,
            clip_table=snakemake.input.clip_table,
            facts={
                "dataset": snakemake.params.dataset,
                "options": snakemake.params.options,
                "card": snakemake.params.card,
            },
            seed=snakemake.params.seed,
        )
