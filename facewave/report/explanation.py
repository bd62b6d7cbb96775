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

# Files of `snakemake explain`, by name; the report shows those that exist.
IMPORTANCE, IMPORTANCE_PICTURE = "importance.json", "importance.png"
_PNG_HEADER = 24


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What `snakemake explain` measured; None where it did not run.

    Attributes:
        importance: the content of `importance.json`.
        picture: the face and the bars.
    """

    importance: dict[str, Any] | None
    picture: Picture | None


def read_explanation(files: Sequence[Path]) -> Explanation:
    """Read the files of `snakemake explain`; any of them may be missing."""
    found = {path.name: path for path in files}
    importance = found.get(IMPORTANCE)
    return Explanation(
        importance=json.loads(importance.read_text(encoding="utf-8")) if importance else None,
        picture=_png(found.get(IMPORTANCE_PICTURE), alt="A face coloured by importance, and bars"),
    )


def _png(path: Path | None, *, alt: str) -> Picture | None:
    if path is None:
        return None
    content = path.read_bytes()
    width, height = struct.unpack(">II", content[_PNG_HEADER - 8 : _PNG_HEADER])
    uri = "data:image/png;base64," + base64.b64encode(content).decode("ascii")
    return Picture(uri=uri, width=width, height=height, alt=alt)
