"""Adapter of the user's own code: a Python file with a function `load`, named in the config."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from facewave.datasets.rows import Rows
from facewave.manifest.clips import ManifestError

_ADVICE = "docs/datasets.md shows a whole adapter; `module` is relative to the working folder."


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return what the file's `load(options, classes=..., root=...)` returns.

    Args:
        options: `module` (the Python file) and `options` (any keys, for the file's own use)
        classes: the dataset's class list
        root: folder that the clips' paths are relative to

    Raises:
        ManifestError: there is no such file, or it does not return Rows
    """
    rows = _module(options).load(options, classes=list(classes), root=root)
    if not isinstance(rows, Rows):
        problem = f"load returned {type(rows).__name__}, expected facewave.datasets.rows.Rows"
        raise ManifestError(str(_path(options)), [problem], advice=_ADVICE)
    return rows


def _path(options: dict[str, Any]) -> Path:
    return Path(options["module"])


def _module(options: dict[str, Any]) -> ModuleType:
    path = _path(options)
    spec = importlib.util.spec_from_file_location(f"facewave_own_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ManifestError(str(path), ["no such Python file"], advice=_ADVICE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "load"):
        raise ManifestError(str(path), ["has no function `load`"], advice=_ADVICE)
    return module
