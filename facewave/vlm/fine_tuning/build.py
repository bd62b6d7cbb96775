"""The model of a training job: PaliGemma 2 or Qwen2.5-VL, with a face."""

from __future__ import annotations

from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.options import ModelOptions


def build(options: ModelOptions) -> FaceVlm:
    """Return a model on the CPU, in evaluation mode.

    Raises:
        WeightsError: the pretrained weights cannot be had, are another model's, or not whole.
        ValueError: class names have the same tokens.
    """
    # Each imports its classes of transformers, which takes seconds.
    if options.family == "qwen":
        from facewave.vlm.qwen.build import build_model as build_qwen

        return build_qwen(options)
    from facewave.vlm.paligemma.build import build_model

    return build_model(options)
