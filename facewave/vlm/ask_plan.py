"""What the rules that ask pretrained models hand over; light, for the Snakefile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from facewave.vlm.asker_names import TINY_QWEN
from facewave.vlm.options import TINY
from facewave.vlm.pins import with_pin
from facewave.vlm.plan import TRAINING
from facewave.vlm.prompts import TEMPLATES

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


def untrained_params(section: Mapping[str, Any], *, max_new_tokens: int) -> dict[str, Any]:
    """Return the same for the model of `vlm` before it is trained, asked as it is trained to be.

    Args:
        section: `vlm`, checked; not with `head: regression`.
        max_new_tokens: of a generated answer.
    """
    names = ("model", "revision", "dtype", "frames")
    prompt = section["prompt"]
    return {
        "model": with_pin({name: section[name] for name in names}),
        "frame_choice": section["frame_choice"],
        # Names of templates are those of PaliGemma here.
        "prompt": prompt if prompt == "question" else TEMPLATES.get(prompt, prompt),
        "use_text": section["use_text"],
        "text_tokens": section["text_tokens"],
        "face_words": False,
        "scoring": "answer" if section["head"] == "generate" else "likelihood",
        "max_new_tokens": max_new_tokens,
        "batch_size": section["batch_size"],
    }


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


def shown_fine_tuned(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the same of the models that `fine_tune` trains."""
    if not config["fine_tune"]["report"]:
        return {}
    models = config["zero_shot"]["models"]
    return {
        f"{name}, fine-tuned{_toy(models[name])}": f"fine_tuned/{name}"
        for name in config["fine_tune"]["models"]
    }


def _toy(model: Mapping[str, Any]) -> str:
    return " (toy size, random weights)" if model["model"] in TOYS else ""
