"""Bring the weights of a model to this machine, and note which commit they are."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.pretrained import fetch_weights
from facewave.storage.atomic import write_json


def main(*, model: Mapping[str, Any], fetched: str) -> None:
    """Fetch `model`, the keyword arguments of `fetch_weights`, and write what it returned."""
    write_json(Path(fetched), fetch_weights(**model))


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(model=snakemake.params.model, fetched=snakemake.output.fetched)
