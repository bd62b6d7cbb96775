"""What `snakemake explain` measured, as the report shows it."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.report.figures import Picture
from facewave.report.scores import csv_rows

# Files of `snakemake explain`, by name; the report shows those that exist.
IMPORTANCE, IMPORTANCE_PICTURE = "importance.json", "importance.png"
ERRORS, ERRORS_PICTURE = "reconstruction.csv", "reconstruction.png"
_PNG_HEADER = 24


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What `snakemake explain` measured; None where it did not run.

    Attributes:
        importance: the content of `importance.json`.
        picture: the face and the bars.
        errors: rows of the table of reconstruction errors, as text.
        errors_picture: the errors over the number of coefficients.
    """

    importance: dict[str, Any] | None
    picture: Picture | None
    errors: list[dict[str, str]] | None
    errors_picture: Picture | None


def read_explanation(files: Sequence[Path]) -> Explanation:
    """Read the files of `snakemake explain`; any of them may be missing."""
    found = {path.name: path for path in files}
    importance = found.get(IMPORTANCE)
    return Explanation(
        importance=json.loads(importance.read_text(encoding="utf-8")) if importance else None,
        picture=_png(found.get(IMPORTANCE_PICTURE), alt="A face coloured by importance, and bars"),
        errors=csv_rows(found[ERRORS]) if ERRORS in found else None,
        errors_picture=_png(found.get(ERRORS_PICTURE), alt="Curves: error over coefficients"),
    )


def _png(path: Path | None, *, alt: str) -> Picture | None:
    if path is None:
        return None
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[_PNG_HEADER - 8 : _PNG_HEADER])
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return Picture(uri=uri, width=width, height=height, alt=alt)
