"""The rows of `predictions.csv`: what is said of each person in each video."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from facewave.overlay.timeline import TimelineError, class_names, probabilities
from facewave.storage.cells import rows_from

COLUMNS = (
    "video", "path", "person", "answer", "prediction_set", "trusted", "why", "distance", "frames",
    "detected_frames", "coverage", "duration_seconds", "calibrated", "model",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A person in a video.

    Attributes:
        video, path, person: names of the video, of its file and of the person.
        answer: a class; empty if there is none.
        probability: of the answer; None if there is none.
        classes: the prediction set.
        trusted: whether the answer is to be trusted.
        why: why not, or why there is no answer.
        distance: percentile of the training data's distances; None: not known.
        frames, detected_frames: of the video, and those with the person's face.
        coverage: the second over the first.
        seconds: length of the video.
        calibrated: `no`, or on what the person's baseline rests.
        model: name and digest of the model.
    """

    video: str
    path: str
    person: str
    answer: str
    probability: float | None
    classes: tuple[str, ...]
    trusted: bool
    why: str
    distance: float | None
    frames: int
    detected_frames: int
    coverage: float
    seconds: float
    calibrated: str
    model: str


def read_answers(path: Path) -> tuple[list[Answer], tuple[str, ...]]:
    """Return the rows of `predictions.csv` in their order, and the names of the classes.

    Raises:
        TimelineError: a column is missing, or a cell is no number.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        classes = class_names(path, reader.fieldnames or (), COLUMNS)
        answers = []
        for row in rows_from(reader):
            try:
                answers.append(_answer(row, classes))
            except (ValueError, TypeError):
                raise TimelineError(
                    f"{path}, line {reader.line_num}: expected numbers in the columns of counts, "
                    "seconds and probabilities. Run `snakemake predict` again"
                ) from None
    return answers, classes


def _answer(row: dict[str, str], classes: tuple[str, ...]) -> Answer:
    values = dict(zip(classes, probabilities(row, classes), strict=True))
    probability = values.get(row["answer"], math.nan)
    return Answer(
        video=row["video"],
        path=row["path"],
        person=row["person"],
        answer=row["answer"],
        probability=None if math.isnan(probability) else probability,
        classes=tuple(filter(None, row["prediction_set"].split("|"))),
        trusted=row["trusted"] == "yes",
        why=row["why"],
        distance=float(row["distance"]) if row["distance"] else None,
        frames=int(row["frames"]),
        detected_frames=int(row["detected_frames"]),
        coverage=float(row["coverage"]),
        seconds=float(row["duration_seconds"]),
        calibrated=row["calibrated"],
        model=row["model"],
    )
