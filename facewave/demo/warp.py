"""Warping and painting for the demo dataset: splines between point sets, resampling, soft masks.

Positions are in frame units (0 to 1 over the rendered square). Images are square, uint8, BGR, and
reach :data:`MARGIN` beyond the frame on every side, so that moving never bares their end.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

from facewave.demo.points import smooth_step

Image: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]
# Centre x, y and half axes.
Ellipse: TypeAlias = tuple[float, float, float, float]

MARGIN = 0.1

# OpenCV's polygons take sixteenths of a pixel.
_POLYGON_BITS = 4
_RIM_POINTS = 16


def image_side(size: int) -> int:
    """Side in pixels of an image with margin, for frames of `size` pixels."""
    return round(size * (1 + 2 * MARGIN))


def image_cells(count: int, size: int) -> Floats:
    """Centres of `count` by `count` cells over an image: (count, count, 2) float32."""
    return cell_centres(count, -MARGIN, image_side(size) / size - MARGIN)


@cache
def cell_centres(count: int, start: float, stop: float) -> Floats:
    """Centres (x, y) of `count` by `count` cells from `start` to `stop`: (count, count, 2) float32.

    The array is shared: do not write to it.
    """
    line = start + (np.arange(count) + 0.5) * ((stop - start) / count)
    return np.stack(np.meshgrid(line, line), axis=-1).astype(np.float32)


def ellipse_radius(places: Floats, ellipse: Ellipse) -> Floats:
    """Distance of `places` (..., 2) from an ellipse's centre, 1 on the ellipse: (...,)."""
    scaled = (places - np.array(ellipse[:2], np.float32)) / np.array(ellipse[2:], np.float32)
    return cast(Floats, np.hypot(scaled[..., 0], scaled[..., 1]))


def spline_shifts(at: Floats, to: Floats, places: Floats, still: Ellipse) -> Floats:
    """Spline through the shifts that take points `at` to points `to`.

    The kernel is the plain distance. The thin-plate kernel is smoother, but where lips or lids
    touch and their points part, it overshoots and folds the image; this one does not.

    Args:
        at: (C, 2) float64 points.
        to: (C, 2) float64 where each of them is to be found.
        places: (..., 2) float32 where to evaluate.
        still: ellipse on which the shift has faded to zero, as it is everywhere outside.

    Returns:
        (..., 2) float32 shifts.
    """
    angle = np.arange(_RIM_POINTS) * (2 * np.pi / _RIM_POINTS)
    rim = np.array(still[:2]) + np.stack([np.cos(angle), np.sin(angle)], axis=1) * still[2:]
    centres = np.concatenate([at, rim])
    count = len(centres)
    # Interpolation conditions, bordered by the constant and linear part of the spline.
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _distances(centres, centres)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = centres
    system[count + 1 :, :count] = centres.T
    values = np.zeros((count + 3, 2))
    values[: len(at)] = to - at
    weights = np.linalg.solve(system, values).astype(np.float32)

    radius = ellipse_radius(places, still)
    inside = radius < 1
    here = places[inside]
    shifts = _distances(here, centres.astype(np.float32)) @ weights[:count]
    shifts += weights[count] + here @ weights[count + 1 :]
    result = np.zeros_like(places)
    # The spline is zero at the rim's points alone; the fade makes it so between them.
    result[inside] = shifts * (1 - smooth_step((radius[inside] - 0.85) / 0.15))[:, None]
    return result


def pixel_map(shifts: Floats, *, size: int, side: int, first: float) -> Floats:
    """Where each pixel of a square comes from, in pixels of an image: (side, side, 2) float32.

    Args:
        shifts: (G, G, 2) float32 coarse shifts over the square, frame units.
        size: pixels in a frame unit.
        side: the square's width and height in pixels.
        first: place of the square's first pixel on the image.
    """
    fine = cv2.resize(shifts * np.float32(size), (side, side), interpolation=cv2.INTER_CUBIC)
    return cast(Floats, fine + cell_centres(side, first - 0.5, first + side - 0.5))


def fetch(image: Image, where: Floats) -> Image:
    """Take the pixels of an image at `where` (h, w, 2), as :func:`pixel_map` gives it."""
    border = cv2.BORDER_REPLICATE
    return cast(Image, cv2.remap(image, where, None, cv2.INTER_CUBIC, borderMode=border))


def polygon_mask(ring: Floats, size: int) -> Image:
    """Mask (H, H) of a polygon (N, 2) on an image, 255 inside, with a soft edge of a pixel."""
    mask = _empty_mask(size)
    cv2.fillPoly(mask, [_corners(ring, size)], 255, cv2.LINE_AA, _POLYGON_BITS)
    return mask


def stroke_mask(lines: Sequence[Floats], *, width: float, size: int) -> Image:
    """Soft mask (H, H) of strokes of `width` along `lines` (N, 2) on an image."""
    mask = _empty_mask(size)
    thickness = max(1, round(width * size))
    corners = [_corners(line, size) for line in lines]
    cv2.polylines(mask, corners, False, 255, thickness, cv2.LINE_AA, _POLYGON_BITS)
    return soften(mask, 0.004 * size)


def soften(mask: Image, sigma: float, *, strength: float = 1.0) -> Image:
    """Blur a mask (H, W) by `sigma` pixels and multiply it by `strength`."""
    blurred = cv2.GaussianBlur(mask, (0, 0), max(0.4, sigma))
    return cast(Image, cv2.convertScaleAbs(blurred, alpha=strength))


def stretch(mask: Image, low: float, high: float) -> Image:
    """Make a mask (H, W) 0 up to `low` and 255 from `high` on, both as parts of 255."""
    scale = 1 / (high - low)
    return cast(Image, cv2.addWeighted(mask, scale, mask, 0, -255 * low * scale))


def blend(below: Image, above: Image | tuple[int, int, int], mask: Image) -> Image:
    """Lay an image or a colour over an image (H, W, 3) as far as `mask` (H, W) is 255."""
    alpha = mask[..., None].astype(np.float32) / 255
    mixed = below + alpha * (np.asarray(above, np.float32) - below)
    return cast(Image, np.rint(mixed).astype(np.uint8))


def mix(first: Image, second: Image, part: float) -> Image:
    """Mix two images, `part` (0 to 1) of the second."""
    return cast(Image, cv2.addWeighted(first, 1 - part, second, part, 0))


def _distances(places: Floats, centres: Floats) -> Floats:
    """Distances between all places (N, 2) and centres (C, 2): (N, C)."""
    square = np.square(places[:, None, 0] - centres[:, 0])
    square += np.square(places[:, None, 1] - centres[:, 1])
    return cast(Floats, np.sqrt(square, out=square))


def _empty_mask(size: int) -> Image:
    return np.zeros((image_side(size), image_side(size)), np.uint8)


def _corners(line: Floats, size: int) -> npt.NDArray[np.int32]:
    # OpenCV counts from pixel centres.
    pixels = (np.asarray(line, np.float64) + MARGIN) * size - 0.5
    return np.rint(pixels * (1 << _POLYGON_BITS)).astype(np.int32)
