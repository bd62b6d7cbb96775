"""Write the report of a dataset."""

from collections.abc import Iterable
from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.page import ReportFiles, ReportSettings, write_report
from facewave.report.vlm_training import ModelFiles
from facewave.splits.partition import PARTS


def paths(files: Iterable[str]) -> list[Path]:
    """Return input files as paths."""
    return [Path(file) for file in files]


def only(files: Iterable[str]) -> Path | None:
    """Return the only file of an optional input; None if it has none."""
    return next(iter(paths(files)), None)


if __name__ == "__main__":
    given, params = snakemake.input, snakemake.params
    parts = zip(*(paths(given[part]) for part in PARTS), strict=True)
    with job_log(snakemake.log[0]):
        write_report(
            ReportFiles(
                manifest=Path(given.manifest),
                track_indexes=paths(given.tracks),
                feature_indexes=paths(given.features),
                store=Path(params.store),
                splits={
                    fold: dict(zip(PARTS, files, strict=True))
                    for fold, files in zip(params.folds, parts, strict=True)
                },
                training=dict(zip(params.folds, paths(given.training), strict=True)),
                answers=dict(zip(params.folds, paths(given.answers), strict=True)),
                scores=Path(given.metrics),
                confused_clips=Path(given.confused_clips),
                confused_classes=Path(given.confused_classes),
                clip_table=Path(given.clip_table),
                models={
                    title: ModelFiles.from_plan(files) for title, files in params.models.items()
                },
                comparison=Path(given.comparison),
                ablations={name: Path(path) for name, path in params.ablations.items()},
                variants=Path(params.variants["path"]) if params.variants else None,
                text_fusion=only(given.text_fusion),
                near_duplicates=only(given.near_duplicates),
                explanation=paths(given.explanation),
            ),
            ReportSettings(
                dataset=params.dataset,
                config=params.config,
                commit=params.commit,
                compared=params.compared,
            ),
            html=Path(snakemake.output.html),
            subgroups=Path(snakemake.output.subgroups),
        )
