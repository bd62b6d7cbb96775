"""A closer look at clips in which (nearly) no face was found, before they are refused.

The detector sees the whole picture at 128 x 128 pixels: faces narrower than about 9 % of it
are lost, as are faces under coloured or little light. `choose_view` looks at a few sample frames
more closely, and returns how the whole clip should be looked at instead: through a window, with
other colours. It believes nothing that the landmarker does not confirm in most of the samples.

Bounded: of each sample at most 1 + 3 + 21 parts of a 16:9 picture are searched (whole, squares,
half as large squares, all overlapping), twice where the light is poor: at most 49 detections.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.tracking.boxes import centres, overlaps
from facewave.tracking.face_detector import shared_detector
from facewave.tracking.landmarker import Faces, ImageLandmarker, LandmarkerOptions

# The second look is for clips with a face in fewer than this fraction of their frames.
SECOND_LOOK_BELOW = 0.5
NO_FACE = "no face"
TOO_SMALL = "too small"

# Of a face with fewer pixels across, the landmarks say nothing about its expression.
MIN_FACE_PIXELS = 32
# A face that is narrower, as a fraction of the picture, is too small for the first look. That is
# the reason given where the detector is so sure: it takes letters and clouds for faces, too.
SMALL_FACE = 0.09
SURE = 0.75
# A window is this many faces wide, so that there is room around them and the detector sees them.
_WINDOW_FACES = 5.0
# Faces whose centres are closer than this many of their widths, in different samples, are one.
_SAME_PLACE = 1.5
# Colours are balanced where one is so much stronger than another, or the picture so dark.
_MIN_CAST = 1.15
_MIN_BRIGHTNESS = 60.0
_MAX_GAIN = 4.0
# The vertical field of view of MediaPipe's camera, in degrees.
_FIELD_OF_VIEW = 63.0


@dataclass(frozen=True)
class View:
    """A way of looking at the pictures of a clip.

    Attributes:
        width, height: pixels of the whole picture.
        window: the part that is looked at: x0, y0, x1, y1 in pixels.
        gains: factors of red, green and blue; None: colours as they are.
    """

    width: int
    height: int
    window: tuple[int, int, int, int]
    gains: tuple[float, float, float] | None = None

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return what is looked at of a picture, uint8 (height, width, 3).

        Raises:
            ValueError: if the picture has another size.
        """
        import cv2

        if image.shape[:2] != (self.height, self.width):
            raise ValueError(
                f"the view is of {self.width} x {self.height} pixels, "
                f"the picture has {image.shape[1]} x {image.shape[0]}"
            )
        x0, y0, x1, y1 = self.window
        part = np.ascontiguousarray(image[y0:y1, x0:x1])
        if self.gains is None:
            return part
        levels = np.arange(256)[:, None] * np.array(self.gains)
        table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        return np.asarray(cv2.LUT(part, table[None]), np.uint8)

    def restore(self, faces: Faces) -> Faces:
        """Return faces that were found in the view as those of the whole picture.

        Landmarks are mapped affinely, z with the scale of x. Heads are put where a camera with the
        whole picture's field of view sees them; how they are turned stays.
        """
        x0, y0, x1, y1 = self.window
        size = np.array([x1 - x0, y1 - y0, x1 - x0], np.float64)
        whole = np.array([self.width, self.height, self.width], np.float64)
        landmarks = (faces.landmarks * size + (x0, y0, 0)) / whole
        transforms = faces.transforms.astype(np.float64)
        # A pixel is as wide as before, and the camera's focal length in pixels grows with the
        # picture's height: so does the distance, and with it what the shift is in centimetres.
        focal = self.height / 2.0 / np.tan(np.radians(_FIELD_OF_VIEW) / 2.0)
        shift = np.array([(x0 + x1 - self.width) / 2.0, (self.height - y0 - y1) / 2.0])
        transforms[:, 2, 3] *= self.height / size[1]
        transforms[:, :2, 3] -= shift * transforms[:, 2:3, 3] / focal
        return Faces(landmarks.astype(np.float32), faces.blendshapes, transforms.astype(np.float32))

    def note(self) -> str:
        """Return what the view is, for people."""
        x0, y0, x1, y1 = self.window
        part = (x1 - x0) * (y1 - y0) / (self.width * self.height)
        looks = [f"at {100 * part:.0f} % of the picture"] if part < 1.0 else []
        looks += ["with balanced colours"] if self.gains else []
        return "found by a closer look " + " ".join(looks)


@dataclass(frozen=True)
class SecondLook:
    """What a closer look gave.

    Attributes:
        view: how the clip is to be tracked again; None: there is nothing to be found.
        reason: in that case, `NO_FACE` or `TOO_SMALL`; else empty.
        detections: number of parts of pictures that were searched.
    """

    view: View | None
    reason: str
    detections: int


class Samples:
    """Keeps a few of a video's pictures, evenly spread, without knowing its length."""

    def __init__(self, most: int = 6) -> None:
        """Keep at most `most` pictures, at least half as many of a longer video."""
        self._most = most
        self._step = 1
        self._count = 0
        self.images: list[NDArray[np.uint8]] = []

    def add(self, image: NDArray[np.uint8]) -> None:
        """Take the next picture into account; a picture that is kept is not copied."""
        if self._count % self._step == 0:
            if len(self.images) == self._most:
                del self.images[1::2]
                self._step *= 2
            if self._count % self._step == 0:
                self.images.append(image)
        self._count += 1


def choose_view(
    images: Sequence[NDArray[np.uint8]], model: Path, options: LandmarkerOptions
) -> SecondLook:
    """Look closer at sample frames of one clip.

    Args:
        images: uint8 (height, width, 3), RGB, all of one size, evenly spread over the frames in
            which no face was found.
        model: the landmarker's bundle.
        options: of the landmarker.

    Raises:
        MissingSystemLibraryError, LandmarkerError: if no landmarker can be made.
        RuntimeError, ValueError: if MediaPipe fails.
    """
    if not images:
        return SecondLook(None, NO_FACE, 0)
    detector = shared_detector(model, options.min_detection_confidence)
    landmarker = ImageLandmarker(model, options)
    height, width = images[0].shape[:2]
    detections, seen_small = 0, False
    try:
        for gains in (None, *_balance(images)):
            for tiles in _levels(width, height):
                views = [View(width, height, tile, gains) for tile in tiles]
                # The first look was at the whole picture as it is.
                if gains is None and len(views) == 1:
                    continue
                found = [
                    _proposals(detector.detect(view.apply(image)), view, number)
                    for number, image in enumerate(images)
                    for view in views
                ]
                detections += len(found)
                place = _most_lasting(np.concatenate(found), len(images))
                if place is None:
                    continue
                window = _window(place, width, height)
                narrow = float(np.median(place[:, 3] - place[:, 1]))
                view = View(width, height, window, gains)
                if narrow >= MIN_FACE_PIXELS and _confirmed(view, images, landmarker, place):
                    return SecondLook(view, "", detections)
                small = narrow < max(SMALL_FACE * width, MIN_FACE_PIXELS)
                seen_small |= small and bool(np.median(place[:, 5]) >= SURE)
    finally:
        landmarker.close()
    return SecondLook(None, TOO_SMALL if seen_small else NO_FACE, detections)


def _balance(images: Sequence[NDArray[np.uint8]]) -> list[tuple[float, float, float]]:
    """Return the gains that make the average of the pictures grey; none where it is already."""
    colour = np.maximum(np.mean([image.mean(axis=(0, 1)) for image in images], axis=0), 1.0)
    bright = float(colour.mean())
    if colour.max() < _MIN_CAST * colour.min() and bright >= _MIN_BRIGHTNESS:
        return []
    red, green, blue = np.minimum(max(bright, _MIN_BRIGHTNESS) / colour, _MAX_GAIN).tolist()
    return [(red, green, blue)]


def _levels(width: int, height: int) -> Iterator[list[tuple[int, int, int, int]]]:
    """Yield the whole picture, squares as high as it, and squares half as high."""
    yield [(0, 0, width, height)]
    short = min(width, height)
    for side in (short, short // 2):
        if side < MIN_FACE_PIXELS:
            return
        yield [
            (x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)
        ]


def _starts(length: int, side: int) -> list[int]:
    """Return where windows of `side` begin that cover `length`, overlapping by half or more."""
    count = 1 + int(np.ceil((length - side) / (side / 2.0)))
    return [round(float(start)) for start in np.linspace(0, length - side, count)]


def _proposals(found: NDArray[np.float64], view: View, number: int) -> NDArray[np.float64]:
    """Return sample, box in pixels of the whole picture, and score, (n, 6)."""
    x0, y0, x1, y1 = view.window
    pixels = found[:, :4] * (x1 - x0, y1 - y0, x1 - x0, y1 - y0) + (x0, y0, x0, y0)
    return np.column_stack([np.full(len(found), float(number)), pixels, found[:, 4]])


def _most_lasting(proposals: NDArray[np.float64], samples: int) -> NDArray[np.float64] | None:
    """Return the proposals about one place that is seen in most samples, at least in half.

    Args:
        proposals: float64 (n, 6), sample, box and score.
        samples: number of samples.
    """
    best: NDArray[np.float64] | None = None
    for seed in proposals:
        size = seed[3] - seed[1]
        near = np.linalg.norm(centres(proposals[:, 1:5]) - centres(seed[1:5]), axis=1)
        alike = np.abs(np.log((proposals[:, 3] - proposals[:, 1]) / size)) < np.log(2.0)
        group = proposals[(near < _SAME_PLACE * size) & alike]
        if best is None or _lasts(group) > _lasts(best):
            best = group
    if best is None or _lasts(best) < min(samples, max(2, samples / 2)):
        return None
    return best


def _lasts(group: NDArray[np.float64]) -> int:
    return len(np.unique(group[:, 0]))


def _window(place: NDArray[np.float64], width: int, height: int) -> tuple[int, int, int, int]:
    """Return a square around the boxes of a place, inside the picture."""
    low, high = place[:, 1:3].min(axis=0), place[:, 3:5].max(axis=0)
    size = float(np.median(place[:, 3] - place[:, 1]))
    side = max(_WINDOW_FACES * size, float((high - low).max()) + size)
    side = int(np.ceil(min(side, width, height)))
    x0, y0 = (
        int(np.clip(round(middle - side / 2.0), 0, limit - side))
        for middle, limit in zip((low + high) / 2.0, (width, height), strict=True)
    )
    return x0, y0, x0 + side, y0 + side


def _confirmed(
    view: View,
    images: Sequence[NDArray[np.uint8]],
    landmarker: ImageLandmarker,
    place: NDArray[np.float64],
) -> bool:
    """Return whether the landmarker finds a face at the place in most of the samples."""
    found = 0
    whole = (view.width, view.height, view.width, view.height)
    for image in images:
        faces = view.restore(landmarker.detect(view.apply(image)))
        if len(faces):
            found += bool((overlaps(faces.boxes * whole, place[:, 1:5]) > 0.2).any())
    return found >= min(len(images), max(2, len(images) / 2))
