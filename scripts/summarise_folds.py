import json
import logging
from pathlib import Path

from facewave.evaluation.cross_validation import cross_validation, describe, write_fold_table
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json


def main(
    *, metrics: str, summary: str, table: str, dataset: str, protocol: str, adapter: str
) -> None:
    """Write the summary of a cross-validation (JSON) and its table of folds (CSV); print a line."""
    scores = json.loads(Path(metrics).read_text(encoding="utf-8"))
    found = cross_validation(scores, dataset=dataset, protocol=protocol, adapter=adapter)
    write_json(Path(summary), found)
    write_fold_table(Path(table), found)
    line = describe(found)
    logging.getLogger("facewave").info(line)
    print(line)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            metrics=snakemake.input.metrics,
            summary=snakemake.output.summary,
            table=snakemake.output.table,
            dataset=snakemake.params.dataset,
            protocol=snakemake.params.protocol,
            adapter=snakemake.params.adapter,
        )
