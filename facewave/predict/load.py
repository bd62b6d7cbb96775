"""Open a model, whichever kind it is."""

from __future__ import annotations

from pathlib import Path

from facewave.predict.bundle import load_bundle
from facewave.predict.model import LoadedModel, open_checkpoint


def open_model(path: Path) -> LoadedModel:
    """Return the model of a folder that `export_model` wrote, or of a fold's checkpoint.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ModelError: it cannot be used.
    """
    return load_bundle(path) if path.is_dir() else open_checkpoint(path)
