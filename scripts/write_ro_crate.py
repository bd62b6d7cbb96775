"""Write the metadata of a dataset's results as a Workflow Run RO-Crate."""

from pathlib import Path

from facewave.jobs.log import job_log
from facewave.report.dataset import read_folds
from facewave.report.provenance import provenance
from facewave.report.ro_crate import CrateFiles, write_crate
from facewave.splits.partition import PARTS

if __name__ == "__main__":
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    parts = zip(*(map(Path, given[part]) for part in PARTS), strict=True)
    splits = {
        fold: dict(zip(PARTS, files, strict=True))
        for fold, files in zip(params.folds, parts, strict=True)
    }
    results = [given.page, *given.scored, *given.training, *given.answers]
    with job_log(snakemake.log[0]):
        write_crate(
            CrateFiles(
                metadata=Path(made.metadata),
                workflow=Path(made.workflow),
                config=Path(made.config),
                inputs=[Path(given.manifest)],
                splits=splits,
                results=list(map(Path, results)),
            ),
            provenance(params.config, read_folds(splits), commit=params.commit),
            dataset=params.dataset,
            snakefile=Path(given.snakefile),
        )
