"""What a page was made from, and with which software."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from facewave import __version__
from facewave.report.dataset import Fold

# Packages whose versions are shown, and the distributions that may provide them: the first one
# that is installed counts.
_PACKAGES: dict[str, Sequence[str]] = {
    "MediaPipe": ("mediapipe",),
    "OpenCV": (
        "opencv-contrib-python",
        "opencv-python",
        "opencv-python-headless",
        "opencv-contrib-python-headless",
    ),
    "NumPy": ("numpy",),
    "PyArrow": ("pyarrow",),
    "scikit-learn": ("scikit-learn",),
    "PyTorch": ("torch",),
    "Matplotlib": ("matplotlib",),
    "Snakemake": ("snakemake",),
}
# Those of pages that show vision-language models.
VLM_PACKAGES: dict[str, Sequence[str]] = {
    "Transformers": ("transformers",),
    "PEFT": ("peft",),
    "Tokenizers": ("tokenizers",),
    "Hugging Face Hub": ("huggingface-hub",),
}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the numbers of a page come from.

    Attributes:
        versions: software to version, in the environment that wrote the page.
        model_sha256: digest of the landmarker bundle.
        seed: of every random choice.
        commit: of the workflow's code; None where it is not known.
        data: rows of fold, part and digest.
        config: the configuration as YAML.
    """

    versions: dict[str, str]
    model_sha256: str
    seed: int
    commit: str | None
    data: list[tuple[str, str, str]]
    config: str


def provenance(
    config: Mapping[str, Any],
    folds: Iterable[Fold],
    *,
    commit: str | None,
    more: Mapping[str, Sequence[str]] | None = None,
) -> Provenance:
    """Collect where the numbers of a page come from; `more` packages as in `VLM_PACKAGES`."""
    own = {"facewave": __version__, "Python": platform.python_version()}
    return Provenance(
        versions={**own, **_versions({**_PACKAGES, **(more or {})})},
        model_sha256=config["landmarker"]["sha256"],
        seed=config["seed"],
        commit=commit,
        data=[
            (fold.name, part, numbers.data_sha256)
            for fold in folds
            for part, numbers in fold.parts.items()
        ],
        config=_yaml(config),
    )


def _versions(packages: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found = {}
    for name, distributions in packages.items():
        for distribution in distributions:
            try:
                found[name] = version(distribution)
                break
            except PackageNotFoundError:
                continue
    return found


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True, width=100)
    return text


def _plain(value: Any) -> Any:
    """Return paths and Snakemake's own types as text, mappings and lists as YAML knows them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
