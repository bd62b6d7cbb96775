"""What the report shows of the explanation: wrong answers and importances."""

from __future__ import annotations

import base64
import csv
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.report.figures import Picture

# Files of `snakemake explain`, by name; the report shows those that there are.
IMPORTANCE, IMPORTANCE_PICTURE = "importance.json", "importance.png"
_PAIRS = 12
_PNG_HEADER = 24


@dataclass(frozen=True, kw_only=True)
class Confusions:
    """Wrong answers of the test parts.

    Attributes:
        clips: rows of `facewave.evaluation.confusions.ConfusedClip`, the most certain first, as text.
        total: wrong answers in all.
        classes: rows of `facewave.evaluation.confusions.ConfusedClasses`, as text.
    """

    clips: list[dict[str, str]]
    total: int
    classes: list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What `snakemake explain` measured; None where it did not run.

    Attributes:
        importance: the content of `importance.json`.
        picture: the face and the bars.
    """

    importance: dict[str, Any] | None
    picture: Picture | None


def read_confusions(files: Mapping[str, Path] | None, *, shown: int) -> Confusions | None:
    """Read the tables of wrong answers.

    Args:
        files: `clips` and `classes` to the tables; None: there are none.
        shown: clips that are listed.
    """
    if not files:
        return None
    clips = _rows(files["clips"])
    return Confusions(
        clips=clips[:shown], total=len(clips), classes=_rows(files["classes"])[:_PAIRS]
    )


def read_explanation(files: Sequence[Path]) -> Explanation:
    """Read the files of `snakemake explain`, of which any may be missing."""
    found = {path.name: path for path in files}
    importance = found.get(IMPORTANCE)
    return Explanation(
        importance=json.loads(importance.read_text(encoding="utf-8")) if importance else None,
        picture=_png(found.get(IMPORTANCE_PICTURE), alt="A face coloured by importance, and bars"),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _png(path: Path | None, *, alt: str) -> Picture | None:
    if path is None:
        return None
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[_PNG_HEADER - 8 : _PNG_HEADER])
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return Picture(uri=uri, width=width, height=height, alt=alt)
