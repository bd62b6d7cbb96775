"""How a clip that is a table of landmarks over time is to be read, from the dataset to the job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# What a column of a table may be, for the option `columns`.
ROLES = ("clip", "frame", "time", "time_ms", "face", "confidence", "success", "width", "height")


@dataclass(frozen=True, kw_only=True)
class TrackTable:
    """How the rows of one clip are read.

    Attributes:
        clip: the clip's name in a table that holds several; None: the table holds one clip.
        size: width and height of the pictures in pixels; None: not known.
        dimensions: of a point, 2 or 3; None: as many as the table has.
        min_confidence: least confidence of a face, 0 to 1, where the table states one.
        blendshapes, action_units: whether those that the table has are kept.
        columns: role (one of `ROLES`) to the name of its column, where that is another than usual.
    """

    clip: str | None = None
    size: tuple[int, int] | None = None
    dimensions: int | None = None
    min_confidence: float = 0.5
    blendshapes: bool = True
    action_units: bool = True
    columns: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_dataset(cls, options: Mapping[str, Any], *, clip: str | None) -> TrackTable:
        """Return how a clip of a dataset is read, from the dataset's section of options."""
        size = options.get("size")
        return cls(
            clip=clip,
            size=(size[0], size[1]) if size else None,
            dimensions=options.get("dimensions"),
            min_confidence=options.get("min_confidence", cls.min_confidence),
            blendshapes=options.get("blendshapes", True),
            action_units=options.get("action_units", True),
            columns=tuple(sorted((options.get("track_columns") or {}).items())),
        )

    def to_json(self) -> str:
        """Return it as one line of JSON, without what is as usual."""
        usual = asdict(TrackTable())
        return json.dumps({k: v for k, v in asdict(self).items() if v != usual[k]}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TrackTable:
        """Return what `to_json` wrote."""
        values = json.loads(text)
        if "size" in values:
            values["size"] = tuple(values["size"])
        values["columns"] = tuple(tuple(pair) for pair in values.get("columns", ()))
        return cls(**values)
