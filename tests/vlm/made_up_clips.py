"""Made-up clips for the vision-language models, and their toy options."""

import numpy as np

from facewave.vlm.faces.batch import Example
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.inputs.clip_reader import ClipFrames

CLASSES = ("neutral", "happy", "sad", "angry", "surprise", "disgust", "fear")
K = 3
# Two kinds of tokens: three of codes, two of energies.
SHAPES = {
    "landmarks": (K, 478, 3),
    "landmark_energy": (2, 478, 3),
    "blendshapes": (K, 52),
    "blendshape_energy": (2, 52),
    "pose": (K, 6),
    "pose_energy": (2, 6),
}
TOYS = {"paligemma": "tiny-random", "qwen": "tiny-random-qwen"}


def options(family="paligemma", **changes):
    """Options of a toy model in float32."""
    small = {
        "model": TOYS[family],
        "family": family,
        "dtype": "float32",
        "width": 32,
        "heads": 4,
        "soft_prefix": 4,
        "lora_rank": 4,
        "lora_alpha": 8,
        "classes": CLASSES,
        "face_shapes": SHAPES,
        "max_pixels": 56 * 56,
    }
    return ModelOptions(**{**small, **changes})


def clip(index, *, seed=0, count=1, same_image=False, **changes):
    """A clip of random face features and images, of class `index` modulo their number."""
    random = np.random.default_rng([seed, index])
    painter = np.random.default_rng(seed) if same_image else random
    face = {name: random.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    images = painter.integers(0, 256, (count, 40, 50, 3), dtype=np.uint8)
    content = {
        "clip_id": f"clip{index}",
        "face": face,
        "valid": True,
        "images": images,
        "frames": ClipFrames(images=images, indices=list(range(count)), total=10, fps=25.0),
        "label": index % len(CLASSES),
    }
    return Example(**{**content, **changes})
