"""What the rules that ask pretrained models hand over; light, for the Snakefile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewave.vlm.asker_names import TINY_QWEN
from facewave.vlm.options import TINY
from facewave.vlm.pins import with_pin
from facewave.vlm.plan import TRAINING

TOYS = (TINY, TINY_QWEN)
_HOW = (
    "frame_choice",
    "prompt",
    "use_text",
    "face_words",
    "scoring",
    "max_new_tokens",
    "batch_size",
)


def zero_shot_params(section: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return everything of `zero_shot` that decides the answers of a model.

    Args:
        section: `zero_shot`, checked.
        name: a key of its `models`.
    """
    model = with_pin(section["models"][name])
    model |= {"dtype": section["dtype"], "max_pixels": section["max_pixels"]}
    return {"model": model, **{key: section[key] for key in _HOW}}


def fine_tuning_params(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return everything that decides the fine-tuning of a model of `zero_shot.models`.

    Args:
        config: the whole configuration, checked: the model and its questions are those of
            `zero_shot`, the adapters and the optimiser those of `vlm`, the epochs of `fine_tune`.
        name: a key of `zero_shot.models`.
    """
    asked, vlm = zero_shot_params(config["zero_shot"], name), config["vlm"]
    training = {key: vlm[key] for key in TRAINING}
    training |= {"epochs": config["fine_tune"]["epochs"], "dtype": config["zero_shot"]["dtype"]}
    return {
        "model": asked["model"],
        **{key: asked[key] for key in ("frame_choice", "prompt", "use_text", "face_words")},
        "training": training,
        "lora": {
            "rank": vlm["lora_rank"],
            "alpha": vlm["lora_alpha"],
            "dropout": vlm["lora_dropout"],
            "gradient_checkpointing": vlm["gradient_checkpointing"],
        },
        "class_weights": vlm["class_weights"],
    }


def annotation_params(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything of `annotate` that decides the descriptions and their checks."""
    elsewhere = ("dataset", "examples", "gpus", "threads")
    return with_pin({name: value for name, value in section.items() if name not in elsewhere})


def shown_zero_shot(section: Mapping[str, Any]) -> dict[str, str]:
    """Return what the report shows: title of a model to its folder below `evaluation`."""
    if not section["report"]:
        return {}
    return {
        f"{name}, zero-shot{_toy(section['models'][name])}": f"zero_shot/{name}"
        for name in section["enabled"]
    }


def _toy(model: Mapping[str, Any]) -> str:
    return " (toy size, random weights)" if model["model"] in TOYS else ""
