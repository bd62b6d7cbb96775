"""The answers of a person's windows over time, as `timeline.csv` of a prediction has them.

Windows overlap. What is shown at one moment is the window whose middle is nearest: each window has
the time half-way to its neighbours, the first and the last one that up to their own ends.
"""

from __future__ import annotations

import csv
import sys
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.storage.cells import rows_from

COLUMNS = ("video", "person", "start_seconds", "end_seconds", "answer", "prediction_set")
PROBABILITY = "p_"


class TimelineError(ValueError):
    """A table of answers is not as it should be; the message says where and what was expected."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Timeline:
    """The N windows of one person in one video, in the order of their time.

    Attributes:
        person: name of the person in the tables.
        classes: C names.
        start, end: float64 (N,), seconds since the first frame.
        probabilities: float64 (N, C); NaN where there is no answer.
        answers: N classes; empty where there is no answer.
        sets: N prediction sets, classes separated by `|`.
        trusted: bool (N,), whether the answer is to be trusted.
        reasons: N sentences, why or why not.
    """

    person: str
    classes: tuple[str, ...]
    start: NDArray[np.float64]
    end: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    answers: tuple[str, ...]
    sets: tuple[str, ...]
    trusted: NDArray[np.bool_]
    reasons: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.answers)

    def spans(self) -> NDArray[np.float64]:
        """Return from when to when each window is the one that is shown, seconds, (N, 2)."""
        if not len(self):
            return np.empty((0, 2))
        middle = (self.start + self.end) / 2
        between = (middle[1:] + middle[:-1]) / 2
        first = np.concatenate([self.start[:1], np.maximum(between, self.start[1:])])
        last = np.concatenate([np.minimum(between, self.end[:-1]), self.end[-1:]])
        return np.column_stack([first, last])

    def shown(self, times: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return which window is shown at each time in seconds; -1: none."""
        spans = self.spans()
        if not len(spans):
            return np.full(len(times), -1, np.int64)
        found = np.searchsorted(spans[:, 0], times, side="right") - 1
        # The last window has the moment of its end as well.
        inside = (found >= 0) & (
            (times < spans[found, 1]) | ((found == len(spans) - 1) & (times == spans[-1, 1]))
        )
        return np.where(inside, found, -1)

    def shown_at(self, seconds: float) -> int:
        """Return which window is shown at a time; -1: none."""
        return int(self.shown(np.array([seconds]))[0])


def read_timelines(
    path: Path, *, videos: Collection[str] | None = None
) -> dict[str, list[Timeline]]:
    """Return the timelines of `timeline.csv`, of each video those of its persons.

    Args:
        path: of the table, whose rows may be in any order.
        videos: whose timelines are wanted; None: of all.

    Raises:
        TimelineError: a column is missing, or a cell is no number.
    """
    found: dict[str, dict[str, _Windows]] = defaultdict(lambda: defaultdict(_Windows))
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        classes = class_names(path, reader.fieldnames or (), COLUMNS)
        for row in rows_from(reader):
            if videos is None or row["video"] in videos:
                try:
                    found[row["video"]][row["person"]].add(row, classes)
                except (ValueError, TypeError):
                    raise TimelineError(
                        f"{path}, line {reader.line_num}: expected numbers in the columns of "
                        "seconds and probabilities. Run `snakemake predict` again"
                    ) from None
    return {
        video: [windows.timeline(person, classes) for person, windows in persons.items()]
        for video, persons in found.items()
    }


def class_names(path: Path, header: Iterable[str], columns: Iterable[str]) -> tuple[str, ...]:
    """Return the classes of a table of answers, from its columns of probabilities.

    Raises:
        TimelineError: one of `columns` is missing, or there are no probabilities.
    """
    found = tuple(header)
    missing = [name for name in columns if name not in found]
    classes = tuple(
        name.removeprefix(PROBABILITY) for name in found if name.startswith(PROBABILITY)
    )
    if missing or not classes:
        wanted = ", ".join(missing) or f"{PROBABILITY}… with the probabilities of the classes"
        raise TimelineError(
            f"{path}: no column {wanted}; expected a table that `snakemake predict` writes. Run it "
            "again"
        )
    return classes


@dataclass
class _Windows:
    """The windows of a person as they are read: numbers in arrays, for there may be many."""

    numbers: array[float] = field(default_factory=lambda: array("d"))
    texts: list[tuple[str, str, bool, str]] = field(default_factory=list)

    def add(self, row: Mapping[str, str], classes: Sequence[str]) -> None:
        self.numbers.extend(
            [
                float(row["start_seconds"]),
                float(row["end_seconds"]),
                *probabilities(row, classes),
            ]
        )
        why = sys.intern(row.get("why") or "")
        texts = (sys.intern(row["answer"]), sys.intern(row["prediction_set"]))
        self.texts.append((*texts, row.get("trusted") == "yes", why))

    def timeline(self, person: str, classes: tuple[str, ...]) -> Timeline:
        numbers = np.array(self.numbers, np.float64).reshape(len(self.texts), -1)
        order = np.lexsort((numbers[:, 1], numbers[:, 0]))
        answers, sets, trusted, reasons = zip(*(self.texts[i] for i in order), strict=True)
        return Timeline(
            person=person,
            classes=classes,
            start=numbers[order, 0],
            end=numbers[order, 1],
            probabilities=numbers[order, 2:],
            answers=answers,
            sets=sets,
            trusted=np.array(trusted, bool),
            reasons=reasons,
        )


def probabilities(row: Mapping[str, str], classes: Iterable[str]) -> list[float]:
    """Return the probabilities of a row of a table of answers; NaN for empty cells."""
    return [float(row[PROBABILITY + name] or "nan") for name in classes]
