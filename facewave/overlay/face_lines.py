"""Draws a tracked face into a picture: contours or mesh, the box, a name."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facewave.face.contours import contours, mesh_edges
from facewave.overlay.colours import INK, PANEL, Colour
from facewave.video.images import Image

_LINES: dict[str, Colour] = {
    "oval": (225, 232, 240),
    "brows": (255, 196, 61),
    "eyes": (64, 224, 208),
    "irises": (255, 255, 255),
    "lips": (255, 120, 140),
}
_BOX: Colour = (127, 178, 229)
_OTHER_BOX: Colour = (150, 150, 150)
_MESH: Colour = (150, 215, 235)
# OpenCV takes coordinates in this many binary places of a pixel.
_SHIFT = 4
# Corners of a box are marked by this part of its side.
_CORNER = 0.18


def draw_contours(image: Image, points: NDArray[Any], *, width: int) -> None:
    """Draw the contours of a face into an image.

    Args:
        image: uint8 (height, width, 3), changed.
        points: (478, 2) or more columns, fractions of width and height.
        width: of the lines, pixels.
    """
    fixed = _fixed_point(points, image)
    for part, chains in contours().items():
        for chain, closed in chains:
            line = fixed[chain]
            if part == "irises":
                centre = line.mean(axis=0).round().astype(int).tolist()
                radius = round(float(np.linalg.norm(line - line.mean(axis=0), axis=1).mean()))
                cv2.circle(image, centre, radius, _LINES[part], width, cv2.LINE_AA, _SHIFT)
            else:
                cv2.polylines(image, [line], closed, _LINES[part], width, cv2.LINE_AA, _SHIFT)


def draw_mesh(image: Image, points: NDArray[Any]) -> None:
    """Draw the edges of the mesh, and eyes, brows and lips on it; see `draw_contours`."""
    fixed = _fixed_point(points, image)
    under = image.copy()
    cv2.polylines(under, list(fixed[mesh_edges()]), False, _MESH, 1, cv2.LINE_AA, shift=_SHIFT)
    cv2.addWeighted(under, 0.45, image, 0.55, 0, dst=image)
    draw_contours(image, points, width=1)


def draw_box(image: Image, box: NDArray[Any], *, width: int, followed: bool) -> None:
    """Mark the corners of a box of fractions x0, y0, x1, y1: of the followed face or of another."""
    size = [image.shape[1], image.shape[0]]
    (left, top), (right, bottom) = np.rint(np.reshape(box, (2, 2)) * size).astype(int).tolist()
    colour = _BOX if followed else _OTHER_BOX
    if not followed:
        cv2.rectangle(image, (left, top), (right, bottom), colour, 1, cv2.LINE_AA)
        return
    across, down = round(_CORNER * (right - left)), round(_CORNER * (bottom - top))
    for x, dx in ((left, across), (right, -across)):
        for y, dy in ((top, down), (bottom, -down)):
            corner = np.array([[x + dx, y], [x, y], [x, y + dy]], np.int32)
            cv2.polylines(image, [corner], False, colour, width + 1, cv2.LINE_AA)


def draw_name(image: Image, box: NDArray[Any], name: str, *, size: int) -> None:
    """Write a name above a box, or at its upper edge where there is no room above."""
    left, top = np.rint(box[:2] * [image.shape[1], image.shape[0]]).astype(int).tolist()
    font = cv2.FontFace("sans")
    _, _, wide, _ = cv2.getTextSize((0, 0), name, (0, 0), font, size, 600)
    x = int(np.clip(left, 2, max(2, image.shape[1] - wide - 10)))
    y = int(np.clip(top - 6, size + 6, image.shape[0] - 6))
    cv2.rectangle(image, (x, y - size - 3), (x + wide + 8, y + 5), PANEL, -1)
    cv2.putText(image, name, (x + 4, y), INK, font, size, 600)


def _fixed_point(points: NDArray[Any], image: Image) -> NDArray[np.int32]:
    pixels = np.asarray(points, np.float64)[:, :2] * [image.shape[1], image.shape[0]]
    # Fractions count from the edge of the picture, OpenCV from the middle of the first pixel.
    # Faces may reach far out of the picture: OpenCV's coordinates have 16 bits before the point.
    inside = np.clip(pixels - 0.5, -30000, 30000)
    return np.asarray(np.rint(inside * (1 << _SHIFT)), np.int32)
