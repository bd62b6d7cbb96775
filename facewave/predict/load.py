"""Open a model, whichever kind it is."""

from __future__ import annotations

from pathlib import Path

from facewave.predict.bundle import load_bundle
from facewave.predict.model import Predictor, open_checkpoint
from facewave.predict.vlm_description import vlm_file
from facewave.predict.windows import ClipFiles


def open_model(path: Path, *, clips: ClipFiles | None = None) -> Predictor:
    """Return the model of a folder that `export_model` wrote, of a fold's checkpoint, or of a VLM.

    Args:
        path: folder or file.
        clips: what a vision-language model is shown; without it, it cannot answer.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ModelError: it cannot be used.
    """
    if path.is_dir() and vlm_file(path):
        # It needs transformers, whose import takes seconds and which other models do without.
        from facewave.predict.vlm import VlmModel

        return VlmModel(path, clips)
    return load_bundle(path) if path.is_dir() else open_checkpoint(path)
