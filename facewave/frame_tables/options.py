"""What a table of frames holds (config section `export_frames`)."""

from __future__ import annotations

from dataclasses import dataclass

FORMATS = ("csv", "parquet", "openface")
POINTS = ("none", "pixels", "aligned")
PEOPLE = ("primary", "all")


@dataclass(frozen=True, kw_only=True)
class FrameTableOptions:
    """How the frames of a clip are written.

    Attributes:
        format: one of `FORMATS`; `openface` is a CSV with OpenFace's columns.
        points: one of `POINTS`; not looked at with `openface`, which has its 68 points.
        people: one of `PEOPLE`: the person whom the clip follows, or everybody, with a column
            that says who.
    """

    format: str = "csv"
    points: str = "none"
    people: str = "primary"

    @property
    def suffix(self) -> str:
        """Suffix of the files' names."""
        return ".parquet" if self.format == "parquet" else ".csv"
