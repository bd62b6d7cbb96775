"""The commits that are taken of models on the Hugging Face hub where the configuration names none.

A branch moves, and numbers that were made with it cannot be made again. Each commit is one that
several public projects, independent of each other, name as the state of the repository that they
took; the hub itself was not asked. Light, for the Snakefile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PINS = {
    "google/paligemma2-3b-mix-448": "1406c92ec87d32cc6b983239278901b904ba7a51",
    "Qwen/Qwen2.5-VL-3B-Instruct": "66285546d2b821cf421d4f5eb2576359d3770cd3",
    "openai/whisper-small": "973afd24965f72e36ca33b3055d56a652f456b4d",
    "sentence-transformers/all-MiniLM-L6-v2": "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
}


def pinned_revision(model: str, revision: str | None) -> str | None:
    """Return the revision of a model that is asked for: the given one, else the pinned commit.

    None, the hub's main branch, is left for a model without a pin; `main` asks for it by name.
    """
    return PINS.get(model) if revision is None else revision


def with_pin(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section of the configuration that names a `model`, with its `revision` resolved."""
    return {**section, "revision": pinned_revision(section["model"], section["revision"])}
