"""Made-up clips for the vision-language models, and their toy options."""

import numpy as np

from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.paligemma.batch import Example

CLASSES = ("neutral", "happy", "sad", "angry", "surprise", "disgust", "fear")
K = 3


def options(**changes):
    """Options of a toy model in float32."""
    small = {
        "model": "tiny-random",
        "dtype": "float32",
        "width": 32,
        "heads": 4,
        "soft_prefix": 4,
        "lora_rank": 4,
        "lora_alpha": 8,
        "classes": CLASSES,
        "K": K,
    }
    return ModelOptions(**{**small, **changes})


def clip(index, *, seed=0, count=1, same_image=False, **changes):
    """A clip of random face features and images, of class `index` modulo their number."""
    random = np.random.default_rng([seed, index])
    painter = np.random.default_rng(seed) if same_image else random
    content = {
        "clip_id": f"clip{index}",
        "landmarks": random.normal(size=(K, 478, 3)).astype(np.float32),
        "blendshapes": random.normal(size=(K, 52)).astype(np.float32),
        "valid": True,
        "images": painter.integers(0, 256, (count, 40, 50, 3), dtype=np.uint8),
        "label": index % len(CLASSES),
    }
    return Example(**{**content, **changes})
