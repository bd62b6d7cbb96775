"""A clip's blendshapes in plain words without emotions: an optional part of a prompt."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.face.blendshapes import BLENDSHAPES
from facewave.prompts.questions import TIMED_LAYOUTS

NO_FACE = "No face could be measured."
STILL = "The face hardly moves and no muscle is used much."

# Words for each blendshape, without its side.
WORDS = {
    "browDown": "brows lowered",
    "browInnerUp": "inner brows raised",
    "browOuterUp": "outer brows raised",
    "cheekPuff": "cheeks puffed",
    "cheekSquint": "cheeks raised",
    "eyeBlink": "eyes closed",
    "eyeLookDown": "eyes turned down",
    "eyeLookIn": "eyes turned inwards",
    "eyeLookOut": "eyes turned outwards",
    "eyeLookUp": "eyes turned up",
    "eyeSquint": "eyes narrowed",
    "eyeWide": "eyes wide open",
    "jawForward": "jaw pushed forward",
    "jawOpen": "mouth open",
    "jawLeft": "jaw moved to the left",
    "jawRight": "jaw moved to the right",
    "mouthClose": "lips closed over an open jaw",
    "mouthDimple": "mouth corners pulled in",
    "mouthFrown": "mouth corners pulled down",
    "mouthFunnel": "lips rounded",
    "mouthLeft": "mouth moved to the left",
    "mouthRight": "mouth moved to the right",
    "mouthLowerDown": "lower lip pulled down",
    "mouthPress": "lips pressed together",
    "mouthPucker": "lips pursed",
    "mouthRollLower": "lower lip rolled in",
    "mouthRollUpper": "upper lip rolled in",
    "mouthShrugLower": "lower lip pushed up",
    "mouthShrugUpper": "upper lip pushed up",
    "mouthSmile": "mouth corners pulled up",
    "mouthStretch": "mouth stretched sideways",
    "mouthUpperUp": "upper lip raised",
    "noseSneer": "nose wrinkled",
}

# Smallest peak that is mentioned, and smallest fraction of the peak that counts as motion.
_MENTIONED, _MOVED = 0.15, 0.35
_DEGREES = ((0.6, "strongly"), (0.35, "clearly"), (0.0, "slightly"))


def face_words(blendshapes: NDArray[np.float32], *, valid: bool = True, count: int = 5) -> str:
    """Return the strongest blendshapes of a clip and how they move, in one or two sentences.

    The strength of a blendshape is its largest coefficient, its motion follows the order of its
    coefficients. The two sides are averaged, unless one is less than half of the other.

    Args:
        blendshapes: float (K, 52), coefficients that follow each other in time, from 0 to 1.
        valid: whether the clip has a usable face.
        count: largest number of blendshapes to mention.

    Raises:
        ValueError: the array has another shape, or holds NaN or infinite values.
    """
    if blendshapes.ndim != 2 or blendshapes.shape[1] != len(BLENDSHAPES):
        raise ValueError(f"blendshapes of shape {blendshapes.shape}, expected (K, 52)")
    if not valid:
        return NO_FACE
    if not np.isfinite(blendshapes).all():
        raise ValueError("the blendshapes of a valid clip hold NaN or infinite values")
    found = []
    for name, words in WORDS.items():
        curve, side = _curve(blendshapes, name)
        found.append((float(curve.max()), f"{words}{side}", curve))
    strong = [item for item in found if item[0] >= _MENTIONED]
    strongest = sorted(strong, key=lambda item: -item[0])[:count]
    if not strongest:
        return STILL
    parts = [f"{words} {_degree(peak)} ({_motion(curve)})" for peak, words, curve in strongest]
    return f"Measured on the face, strongest first: {', '.join(parts)}."


def check_layout(features: dict[str, Any]) -> None:
    """Refuse features whose coefficients do not follow each other in time.

    Args:
        features: what a split says about its features.

    Raises:
        ValueError: naming the layouts that can be put in words.
    """
    layout = features.get("layout") or features.get("wavelet", {}).get("layout")
    if layout not in TIMED_LAYOUTS:
        raise ValueError(
            f"zero_shot.face_words: wavelet.layout is {layout!r}, whose coefficients do not follow "
            f"each other in time; take {' or '.join(TIMED_LAYOUTS)}, or face_words: false"
        )


def _curve(blendshapes: NDArray[np.float32], name: str) -> tuple[NDArray[np.float64], str]:
    """Return a blendshape's coefficients (K,), and its side if it is on only one."""
    if name in BLENDSHAPES:
        return blendshapes[:, BLENDSHAPES.index(name)].astype(np.float64), ""
    left, right = (
        blendshapes[:, BLENDSHAPES.index(f"{name}{side}")].astype(np.float64)
        for side in ("Left", "Right")
    )
    if max(right.max(), 0.0) < 0.5 * left.max():
        return left, " on the left side"
    if max(left.max(), 0.0) < 0.5 * right.max():
        return right, " on the right side"
    return (left + right) / 2, ""


def _degree(peak: float) -> str:
    return next(word for least, word in _DEGREES if peak >= least)


def _motion(curve: NDArray[np.float64]) -> str:
    """Return how a curve runs: its ends against its peak and its lowest point."""
    first, last, peak, lowest = curve[0], curve[-1], curve.max(), curve.min()
    step = _MOVED * peak
    rises, falls = peak - first >= step, peak - last >= step
    if rises and falls:
        return "comes and goes"
    if rises:
        return "grows"
    if falls:
        return "fades"
    return "goes and comes back" if peak - lowest >= step else "steady"
