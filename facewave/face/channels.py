"""What a trajectory holds: a set of points in two or three dimensions, and what is beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.point_sets import MEDIAPIPE, POINT_SETS

# Facial action units by number, as OpenFace (AU01_r) and py-feat (AU01) name them.
ACTION_UNIT = re.compile(r"AU\d{2}")
# Regions of the face that action units move; of the mouth if they are not here.
_AU_REGIONS = {
    "brows": ("AU01", "AU02", "AU04"),
    "eyes": ("AU05", "AU07", "AU43", "AU44", "AU45", "AU46"),
    "cheeks": ("AU06", "AU13"),
    "nose": ("AU09", "AU11"),
    "jaw": ("AU17", "AU26", "AU27"),
}


@dataclass(frozen=True)
class Channels:
    """The values of a face in one frame.

    Attributes:
        points: name of the set of points, a key of `facewave.face.point_sets.POINT_SETS`.
        dimensions: of a point, 2 or 3.
        blendshapes: whether there are MediaPipe's 52 blendshapes.
        action_units: names of the action units, such as AU01, sorted.
    """

    points: str = MEDIAPIPE
    dimensions: int = 3
    blendshapes: bool = True
    action_units: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return them as text for tables and messages: `mediapipe_478 3-D blendshapes`."""
        words = [self.points, f"{self.dimensions}-D", *(["blendshapes"] * self.blendshapes)]
        return " ".join([*words, *self.action_units])

    @classmethod
    def parse(cls, text: str) -> Channels:
        """Return the channels that `str` gave as text.

        Raises:
            ValueError: it is not such a text.
        """
        name, dimensions, *others = text.split() if len(text.split()) > 1 else ("", "")
        units = tuple(word for word in others if ACTION_UNIT.fullmatch(word))
        blendshapes = "blendshapes" in others
        known = name in POINT_SETS and dimensions in ("2-D", "3-D")
        if not known or len(units) + blendshapes != len(others):
            raise ValueError(f"{text!r}: expected channels such as {cls()}")
        return cls(name, int(dimensions[0]), blendshapes, units)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one frame of each source of trajectories."""
        shapes: dict[str, tuple[int, ...]] = {
            "landmarks": (POINT_SETS[self.points], self.dimensions)
        }
        if self.blendshapes:
            shapes["blendshapes"] = (len(BLENDSHAPES),)
        if self.action_units:
            shapes["action_units"] = (len(self.action_units),)
        return shapes


# What MediaPipe's face landmarker gives of a video.
VIDEO = Channels()


def action_unit_region(name: str) -> str:
    """Return the region of the face that an action unit moves."""
    return next((region for region, names in _AU_REGIONS.items() if name in names), "mouth")
