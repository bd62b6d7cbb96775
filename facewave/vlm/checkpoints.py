"""Whether a folder holds the model that is wanted, and whether all of it was loaded.

transformers fills a tensor that it does not find with random numbers and only warns. A model that
answers at random for want of a tensor looks like one that has learned nothing, so here it stops.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facewave.pretrained import WeightsError

PALIGEMMA, QWEN = "paligemma", "qwen"
_NAMES = {PALIGEMMA: "PaliGemma 2", QWEN: "Qwen2.5-VL"}
# Of these models older releases of transformers stored what it computes or ties by itself.
_HARMLESS = re.compile(r"(^|\.)(lm_head\.weight|position_ids|rotary_emb\.inv_freq)\Z")
_SHOWN = 4


def model_family(folder: Path, *, setting: str = "vlm.model") -> str:
    """Return which of the supported models a checkpoint is: `PALIGEMMA` or `QWEN`.

    Args:
        folder: of a checkpoint, with its `config.json`.
        setting: configuration key of the model, for messages.

    Raises:
        WeightsError: it is PaliGemma 1 or another model.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    kind = config.get("model_type")
    text = (config.get("text_config") or {}).get("model_type")
    if kind == "qwen2_5_vl":
        return QWEN
    if kind == "paligemma" and text == "gemma2":
        return PALIGEMMA
    found = f"model_type {kind!r}"
    if kind == "paligemma":
        found = f"PaliGemma 1 (its language model is {text!r}, not 'gemma2')"
    raise WeightsError(
        f"{folder}: its config.json says {found}; set {setting} to a checkpoint of PaliGemma 2 "
        "(google/paligemma2-3b-mix-448) or of Qwen2.5-VL (Qwen/Qwen2.5-VL-3B-Instruct)"
    )


def check_family(folder: Path, wanted: str, *, setting: str = "vlm.model") -> None:
    """Refuse a checkpoint of another model than `wanted`, by name.

    Raises:
        WeightsError: it is another model.
    """
    found = model_family(folder, setting=setting)
    if found != wanted:
        raise WeightsError(
            f"{folder}: holds {_NAMES[found]}, expected {_NAMES[wanted]}; set {setting} to a "
            f"checkpoint of {_NAMES[wanted]}"
        )


def load_pretrained(kind: Any, folder: Path, **options: Any) -> Any:
    """Return the model of a checkpoint, on the CPU, with every tensor from its files.

    Args:
        kind: a class of transformers with `from_pretrained`.
        folder: of the checkpoint.
        options: of `from_pretrained`.

    Raises:
        WeightsError: tensors are missing, of another shape or unknown; naming them.
    """
    # Of tensors of another shape transformers would tell in words of its own, and not all.
    model, report = kind.from_pretrained(
        folder,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
        trust_remote_code=False,
        **options,
    )
    check_loaded(report, folder)
    return model


def check_loaded(report: Mapping[str, Any], folder: Path) -> None:
    """Raise unless a loading report of transformers says that all tensors were found and used.

    Args:
        report: `missing_keys`, `unexpected_keys` and `mismatched_keys`.
        folder: of the checkpoint, for the message.

    Raises:
        WeightsError: naming what is missing, of another shape or unknown.
    """
    unknown = [name for name in report["unexpected_keys"] if not _HARMLESS.search(name)]
    shapes = [
        f"{name} {tuple(found)} instead of {tuple(wanted)}"
        for name, found, wanted in report["mismatched_keys"]
    ]
    problems = {
        "missing": report["missing_keys"],
        "of another shape": shapes,
        "not in this model": unknown,
    }
    told = [f"{what}: {_listed(names)}" for what, names in problems.items() if names]
    if told:
        raise WeightsError(
            f"{folder}: its weights are not those of its config.json ({'; '.join(told)}). Nothing "
            "was filled with random numbers: download the checkpoint again, or use one that was "
            "saved with `save_pretrained`"
        )


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
