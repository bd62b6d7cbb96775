"""The model of a training job: PaliGemma 2 or Qwen2.5-VL, with a face."""

from __future__ import annotations

from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.zero_shot.models import ZeroShotOptions, model_family

_PLACES = {"paligemma": "vlm.model", "qwen": "vlm.qwen.model"}


def build(options: ModelOptions) -> FaceVlm:
    """Return a model on the CPU, in evaluation mode.

    Raises:
        WeightsError: the pretrained weights cannot be had.
        ValueError: the checkpoint is of the other family, or class names have the same tokens.
    """
    found, _ = model_family(ZeroShotOptions(model=options.model, revision=options.revision))
    if found != options.family:
        raise ValueError(
            f"{_PLACES[options.family]}: {options.model} is a model for {_PLACES[found]}; name it "
            f"there, and train it with train_{found}"
        )
    if options.family == "qwen":
        from facewave.vlm.qwen.build import build_model as build_qwen

        return build_qwen(options)
    from facewave.vlm.paligemma.build import build_model

    return build_model(options)
