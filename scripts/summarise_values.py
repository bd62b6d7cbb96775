import json
import logging
from pathlib import Path

from facewave.evaluation.cross_validation import (
    cross_validation_of_values,
    describe_values,
    write_value_table,
)
from facewave.jobs.log import job_log
from facewave.storage.atomic import write_json


def main(*, scores: str, summary: str, table: str, dataset: str, protocol: str) -> None:
    """Write the cross-validation of predicted values (JSON, CSV of the folds); print a line."""
    given = json.loads(Path(scores).read_text(encoding="utf-8"))
    found = cross_validation_of_values(given, dataset=dataset, protocol=protocol)
    write_json(Path(summary), found)
    write_value_table(Path(table), found)
    line = describe_values(found)
    logging.getLogger("facewave").info(line)
    print(line)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            scores=snakemake.input.scores,
            summary=snakemake.output.summary,
            table=snakemake.output.table,
            dataset=snakemake.params.dataset,
            protocol=snakemake.params.protocol,
        )
