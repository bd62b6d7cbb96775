"""Write the report of an MLP that predicts values."""

from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.page import ReportSettings
from facewave.report.values import ValueReportFiles, write_value_report
from facewave.splits.partition import PARTS

if __name__ == "__main__":
    given, params = snakemake.input, snakemake.params
    parts = zip(*([Path(file) for file in given[part]] for part in PARTS), strict=True)
    pages = {
        name: dict(zip(names, map(Path, given[name]), strict=True))
        for name, names in (
            ("training", params.folds),
            ("answers", params.folds),
            ("models", params.models),
        )
    }
    with job_log(snakemake.log[0]):
        write_value_report(
            ValueReportFiles(
                manifest=Path(given.manifest),
                track_indexes=[Path(file) for file in given.tracks],
                feature_indexes=[Path(file) for file in given.features],
                store=Path(params.store),
                splits={
                    fold: dict(zip(PARTS, files, strict=True))
                    for fold, files in zip(params.folds, parts, strict=True)
                },
                scores=Path(given.scores),
                near_duplicates=next(map(Path, given.near_duplicates), None),
                **pages,
            ),
            ReportSettings(
                dataset=params.dataset,
                config=params.config,
                commit=params.commit,
                compared=params.compared,
            ),
            html=Path(snakemake.output.html),
        )
