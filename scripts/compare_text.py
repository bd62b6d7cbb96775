"""What the texts add to the face, and how much of the labels they give away by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facewave.ablation.compare import AnswerFiles, Row, compare
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.manifest.clips import read_manifest
from facewave.splits.contents import label_of, labelled
from facewave.storage.atomic import write_json
from facewave.storage.tables import write_rows
from facewave.text.probe import probe_texts


def main(
    *,
    manifest: str,
    predictions: Mapping[str, Sequence[Sequence[str]]],
    table: str,
    scores: str,
    classes: Sequence[str],
    text: Mapping[str, Any],
    seed: int,
) -> None:
    """Write the scores of face, text and both as CSV, and, with the texts' probe, as JSON.

    Args:
        manifest: of the dataset; its texts are probed.
        predictions: of `face`, `text` and `face_text`: for each fold one file per seed.
        table, scores: to write (CSV, JSON).
        classes: of the dataset.
        text: see `facewave.text.features.TextOptions`.
        seed: of bootstrap, permutations and the probe's folds.
    """
    rows = compare(
        AnswerFiles(predictions), reference="face", origins=read_origins([manifest]), seed=seed
    )
    clips = [clip for clip in labelled(read_manifest(Path(manifest))) if clip.text]
    probe = probe_texts(
        [clip.text or "" for clip in clips],
        [label_of(clip) for clip in clips],
        classes=classes,
        groups=[clip.subject for clip in clips],
        seed=seed,
    )
    write_rows(Path(table), Row, rows)
    content = {
        "reference": "face",
        "text": dict(text),
        "unit": rows[0].unit,
        "units": rows[0].units,
        "rows": [asdict(row) for row in rows],
    }
    write_json(Path(scores), {**content, "probe": probe})


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            manifest=snakemake.input.manifest,
            predictions=snakemake.params.predictions,
            table=snakemake.output.table,
            scores=snakemake.output.scores,
            classes=snakemake.params.classes,
            text=snakemake.params.text,
            seed=snakemake.params.seed,
        )
