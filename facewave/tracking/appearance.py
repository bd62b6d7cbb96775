"""What a picture and its faces look like, in a few numbers: to notice cuts and other people."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from facewave.face.canonical_mesh import canonical_face

PATCH_SIDE = 16
PATCH_VALUES = PATCH_SIDE * PATCH_SIDE
# The part of the canonical face that the patch shows, in centimetres: left, right, top, bottom.
_EXTENT = (-6.0, 6.0, 6.0, -8.0)

_CORNERS = np.array([[x, y, 1.0] for x in (-1, PATCH_SIDE) for y in (-1, PATCH_SIDE)])

_THUMBNAIL = (32, 18)
# The picture has changed where its thumbnail differs from the last one by so many grey levels on
# average, and by so many times the usual difference.
_MIN_DIFFERENCE = 8.0
_TIMES_USUAL = 6.0
# Weight of the newest difference in the usual one.
_MEMORY = 0.1


def face_patch(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the standardised patch (256,) of one face of a picture: mean 0, length 1.

    Args:
        image: uint8 (height, width, 3), RGB.
        landmarks: float32 (478, 3), normalised.
    """
    height, width = image.shape[:2]
    pixels = landmarks[canonical_face().basis, :2].astype(np.float64) * (width, height)
    return standardised(_warped(image, _to_picture() @ pixels).reshape(-1))


@cache
def _to_picture() -> NDArray[np.float64]:
    """Return what gives, times pixels of the basis (33, 2), the affine map of the patch (3, 2)."""
    face = canonical_face()
    flat = np.column_stack([face.points[face.basis, :2], np.ones(len(face.basis))])
    left, right, top, bottom = _EXTENT
    step = PATCH_SIDE - 1
    to_canonical = np.array(
        [[(right - left) / step, 0.0, left], [0.0, (bottom - top) / step, top], [0.0, 0.0, 1.0]]
    )
    return np.asarray(to_canonical.T @ np.linalg.pinv(flat))


def _warped(image: NDArray[np.uint8], affine: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the patch: green, which is the least noisy, summed over 2 x 2 points for each value.

    Args:
        image: the picture.
        affine: (3, 2), from points of the patch to pixels.
    """
    import cv2

    half, start = affine[:2] / 2.0, affine[2] - affine[:2].sum(axis=0) / 4.0
    # Of a large face every few pixels are read: the points lie that far apart.
    (a, b), (c, d) = affine[:2].tolist()
    stride = int(abs(a * d - b * c) ** 0.5 / 4.0)
    if stride > 1:
        low, image = _around(image, affine, stride)
        half, start = half / stride, (start - low) / stride
    warped = cv2.warpAffine(
        image,
        np.vstack([half, start]).T,
        (2 * PATCH_SIDE, 2 * PATCH_SIDE),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    green = warped[..., 1].astype(np.float32)
    rows = green[::2] + green[1::2]
    return np.asarray(rows[:, ::2] + rows[:, 1::2])


def _around(
    image: NDArray[np.uint8], affine: NDArray[np.float64], stride: int
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Return where the part of a picture begins that a patch shows, and every n-th pixel of it."""
    corners = _CORNERS @ affine
    limit = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(axis=0)) - stride, 0, limit - 1).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 2 * stride, low + 1, limit).astype(int)
    part = image[low[1] : high[1] : stride, low[0] : high[0] : stride]
    return low, np.ascontiguousarray(part)


def standardised(patch: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return a patch (n,) with mean 0 and length 1; a flat one becomes zeros."""
    centred = patch - patch.mean()
    length = float(np.sqrt(centred @ centred))
    return np.asarray(centred / length if length > 1e-6 else np.zeros_like(centred), np.float32)


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (18, 32), the green of a picture, uint8 (height, width, 3), made small."""
    import cv2

    # Of every few pixels: to average all of a large picture costs as much as a look for faces.
    step = max(1, min(image.shape[0] // 54, image.shape[1] // 96))
    green = np.ascontiguousarray(image[::step, ::step, 1])
    return np.asarray(cv2.resize(green, _THUMBNAIL, interpolation=cv2.INTER_AREA), np.uint8)


class PictureChange:
    """Notices cuts: pictures that have little to do with the one before."""

    def __init__(self) -> None:
        """Wait for the first picture."""
        self._last: NDArray[np.uint8] | None = None
        self._usual: float | None = None

    def add(self, small: NDArray[np.uint8]) -> bool:
        """Return whether a picture, given as its `thumbnail`, is the first after a cut."""
        import cv2

        last, self._last = self._last, small
        if last is None:
            return False
        difference = float(cv2.norm(small, last, cv2.NORM_L1)) / small.size
        if self._usual is None:
            self._usual = difference
            return False
        enough = max(_MIN_DIFFERENCE, _TIMES_USUAL * self._usual)
        # A cut is not usual, but a camera that begins to move is, after a few frames.
        self._usual += _MEMORY * (min(difference, 2.0 * enough) - self._usual)
        return bool(difference > enough)
