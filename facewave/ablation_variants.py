"""The variants that an ablation compares, from the configuration.

The Snakefile imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from facewave.config import check_config

# Sections of the configuration in which variants may differ.
SECTIONS = ("quality", "features", "wavelet", "mlp")
CONTROLS = ("shuffled_labels", "clip_length")


def variant_options(config: Mapping[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Return the sections of the configuration as a variant has them, checked.

    Args:
        config: the checked configuration.
        name: a key of `ablation.variants`.

    Raises:
        ConfigError: what the variant sets cannot be.
    """
    merged = copy.deepcopy(dict(config))
    for section, changes in config["ablation"]["variants"][name].items():
        if section in SECTIONS:
            merged[section] |= changes
    checked = check_config(merged)
    return {section: checked[section] for section in SECTIONS}
