"""Made-up subjects of the demo dataset: the portrait, relaxed, reshaped, recoloured and layered.

The portrait is ``skimage.data.astronaut``: the astronaut Eileen Collins, a work of NASA, in the
public domain. It smiles; a spline closes its lips and carries it over to the subject's face.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np
import skimage.data

from facewave.demo.acting import random_stream
from facewave.demo.points import Array, dense_weights, portrait_points, rows, subject_points
from facewave.demo.warp import (
    MARGIN,
    Floats,
    Image,
    blend,
    fetch,
    image_cells,
    image_side,
    pixel_map,
    polygon_mask,
    soften,
    spline_shifts,
    stroke_mask,
)

# (C + E, C) weights that add points along lips and lids, and the rows that go round the opening
# between the lips.
DENSE, _EDGES = dense_weights()
LIP_RING = _EDGES["lip_up"] + _EDGES["lip_low"][-2:0:-1]
# What is behind the lips where no light gets in (BGR, as all colours here).
MOUTH_DARK = (22, 18, 40)

# The rendered square on the portrait: centre and side in pixels, and how far it is turned so that
# the eyes are level (degrees). The table of points in `demo_expressions` rests on these.
_CENTRE, _CENTRE_IN_FRAME, _SIDE, _TURN = (225.9272, 124.5665), (0.5, 0.49), 240.0, 2.8051
_STILL = (0.495, 0.46, 0.42, 0.44)
# Closing the lips is almost a tear, so the warp is evaluated about once a pixel.
_GRID = 256

_OUTER_LIPS = (
    *("corner.left", "lip_up_out.left", "lip_up_in.left", "lip_up_mid", "lip_up_in.right"),
    *("lip_up_out.right", "corner.right", "lip_low_out.right", "lip_low_in.right", "lip_low_mid"),
    *("lip_low_in.left", "lip_low_out.left"),
)
_NECK = np.array([(0.35, 0.60), (0.625, 0.60), (0.62, 0.80), (0.36, 0.80)])
_BROW_COLOUR, _FROWN_COLOUR = (48, 66, 92), (84, 104, 150)
_LIP_COLOUR, _LIP_LINE = (98, 88, 178), (64, 56, 108)


@dataclass(frozen=True)
class Subject:
    """A made-up person, ready to be moved. Images are (H, H, 3) uint8 BGR, with a margin.

    Attributes:
        rest: (C, 2) float64 points of the relaxed face, frame units.
        skin: the relaxed face.
        folds: the same with the lines that a smile draws from the nose to beside the mouth.
        frown: the same as `skin` with the upright lines of knit brows.
        mouth: what lies behind the lips.
        mirrored: whether frames are flipped left to right.
    """

    rest: Array
    skin: Image
    folds: Image
    frown: Image
    mouth: Image
    mirrored: bool


@lru_cache(maxsize=4)
def make_subject(name: str, *, size: int, seed: int) -> Subject:
    """Make up a subject: shape of the face, colours, side. The last few are kept.

    Args:
        name: the subject's name; with `seed` it determines everything.
        size: width and height of the frames in pixels.
        seed: the seed of the dataset.
    """
    stream = random_stream(seed, name, "subject")
    rest = subject_points(stream)
    portrait = _recolour(_upright_portrait(size), stream, size)
    folds = _paint_brows(_relax(portrait, rest, size), rest, size)
    skin = _soften_folds(folds, rest, size)
    frown = _paint_frown(skin, rest, size)
    mouth = _inside_of_mouth(portrait, rest, size)
    return Subject(rest, skin, folds, frown, mouth, bool(stream.integers(2)))


def _upright_portrait(size: int) -> Image:
    """The portrait turned, cropped and scaled to an image."""
    portrait = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    step = _SIDE / size
    if step > 1:
        # Scaling down without it would alias.
        portrait = cv2.GaussianBlur(portrait, (0, 0), 0.5 * step)
    angle = np.deg2rad(_TURN)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * step
    first = 0.5 - (MARGIN + np.array(_CENTRE_IN_FRAME)) * size
    matrix = np.column_stack([turn, np.array(_CENTRE) + turn @ first - 0.5])
    flags, side = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, image_side(size)
    turned = cv2.warpAffine(
        portrait, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    return cast(Image, turned)


def _recolour(portrait: Image, stream: np.random.Generator, size: int) -> Image:
    """Tint the background, then colour and light the whole image."""
    image: Floats = portrait.astype(np.float32)
    hsv = np.asarray(cv2.cvtColor(portrait, cv2.COLOR_BGR2HSV), np.float32)
    # The wall behind is pale and greyish; so are teeth and eyes, but those lie inside the face.
    wall = np.clip((70 - hsv[..., 1]) / 30, 0, 1) * np.clip((hsv[..., 2] - 110) / 30, 0, 1)
    hull = cv2.convexHull(portrait_points().astype(np.float32))[:, 0]
    for outline in (hull, _NECK):
        wall *= 1 - polygon_mask(outline, size).astype(np.float32) / 255
    wall = cv2.GaussianBlur(wall, (0, 0), size / 256)[..., None]
    image *= 1 + wall * (stream.uniform(0.5, 1.05) * stream.uniform(0.88, 1.12, 3) - 1)
    image = 255 * (image / 255) ** stream.uniform(0.8, 1.25)
    slope = stream.uniform(-0.25, 0.25, 2)
    light = 1 + (image_cells(len(portrait), size) - 0.5) @ slope
    image *= light[..., None] * stream.uniform(0.93, 1.07, 3) * stream.uniform(0.9, 1.08)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _relax(portrait: Image, rest: Array, size: int) -> Image:
    """Close the portrait's lips and give it the subject's shape."""
    smiling = portrait_points()
    # The smile leaves the lips pale and thin: closed and uncoloured they would hardly show.
    lips = soften(polygon_mask(smiling[rows(_OUTER_LIPS)], size), 0.004 * size, strength=0.4)
    painted = blend(portrait, _LIP_COLOUR, lips)
    # Between closed lips there is one dark line, not teeth squeezed into it.
    painted = blend(painted, _LIP_LINE, polygon_mask((DENSE @ smiling)[LIP_RING], size))
    places = image_cells(_GRID, size)
    shifts = spline_shifts(DENSE @ rest, DENSE @ smiling, places, _STILL)
    return fetch(painted, pixel_map(shifts, size=size, side=len(portrait), first=0))


def _inside_of_mouth(portrait: Image, rest: Array, size: int) -> Image:
    """The portrait's upper teeth on a dark ground, where the subject's teeth would be."""
    smiling = portrait_points()
    # Teeth belong to the skull: they follow the base of the nose, not the lips.
    slide = (rest - smiling)[rows(["nose_base"])[0]]
    teeth = cv2.warpAffine(portrait, np.column_stack([np.eye(2), slide * size]), portrait.shape[:2])
    mask = soften(polygon_mask((DENSE @ smiling)[LIP_RING] + slide, size), 0.003 * size)
    return blend(np.full_like(portrait, MOUTH_DARK), teeth, mask)


def _paint_brows(image: Image, rest: Array, size: int) -> Image:
    """Darken the brows, which are so thin and fair that a landmarker hardly sees them move."""
    upper = [rest[_one_side("brow_", ("out", "mid", "in"), side)] for side in ("left", "right")]
    lower = [rest[_one_side("brow_low_", ("out", "mid", "in"), side)] for side in ("left", "right")]
    lines = [(above + below) / 2 for above, below in zip(upper, lower, strict=True)]
    mask = soften(stroke_mask(lines, width=0.012, size=size), 0, strength=0.6)
    return blend(image, _BROW_COLOUR, mask)


def _soften_folds(image: Image, rest: Array, size: int) -> Image:
    """Fade the lines that the portrait's smile draws from the nose to beside the mouth."""
    names = ("ala", "fold_high", "fold_low", "beside_mouth")
    lines = [rest[_one_side("", names, side)] for side in ("left", "right")]
    mask = stroke_mask(lines, width=0.02, size=size)
    holes = np.where(mask > 60, 255, 0).astype(np.uint8)
    filled = cv2.inpaint(image, holes, 0.02 * size, cv2.INPAINT_TELEA)
    return blend(image, filled, soften(mask, 0, strength=0.85))


def _paint_frown(image: Image, rest: Array, size: int) -> Image:
    """Draw the upright lines that knit brows make above the nose."""
    top, foot = rest[rows(["glabella", "nose_root"])]
    line = np.array([0.8 * top + 0.2 * foot, 0.2 * top + 0.8 * foot])
    lines = [line + np.array([[side * 0.017, 0], [side * 0.014, 0]]) for side in (-1, 1)]
    mask = soften(stroke_mask(lines, width=0.006, size=size), 0, strength=0.6)
    return blend(image, _FROWN_COLOUR, mask)


def _one_side(prefix: str, names: Iterable[str], side: str) -> list[int]:
    return rows(f"{prefix}{name}.{side}" for name in names)
