"""What a trained vision-language model says of itself; reads no weights.

The Snakefile imports this module, so that what does not fit is refused before anything runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from facewave.predict.description import DESCRIPTION, ModelError
from facewave.vlm.plan import FACE_MODULES, TRAINED

# safetensors allows no longer ones.
_LONGEST_HEADER = 100_000_000
_AGAIN = "train it again"


def vlm_file(folder: Path) -> Path | None:
    """Return the file in which a folder's vision-language model describes itself; None: no model.

    Args:
        folder: of a training's stage, or one that `export_paligemma` or `export_qwen` wrote.
    """
    if (folder / DESCRIPTION).exists():
        return None
    return next(
        (folder / name for name in (TRAINED, FACE_MODULES) if (folder / name).is_file()), None
    )


def read_vlm_description(path: Path) -> dict[str, Any]:
    """Return the options, classes and features of a trained model that can answer for videos.

    Args:
        path: of `vlm_file`.

    Raises:
        ModelError: it is another kind of file, or a model that gives no probabilities, that was
            trained on other people's faces, or that does not say what its features were.
    """
    found = _metadata(path)
    options = found["options"]
    head = options["model"]["head"]
    if head == "regression":
        raise ModelError(f"{path}: predicts values, not classes; train with vlm.head: verbaliser")
    if head == "generate":
        raise ModelError(
            f"{path}: answers in words (vlm.head: generate), which have no probabilities; train "
            "with vlm.head: verbaliser, which scores the whole names of the classes"
        )
    if options["inputs"]["shuffle_faces"]:
        raise ModelError(
            f"{path}: the control shuffled_faces, which learned from the faces of other clips; "
            "name the model of `full`"
        )
    if not {"features", "tracks"} <= (found.get("split_metadata") or {}).keys():
        raise ModelError(f"{path}: does not say what its features were made with; {_AGAIN}")
    if found.get("held_out") is None:
        raise ModelError(f"{path}: lacks its answers for the validation part; {_AGAIN}")
    return found


def _metadata(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > _LONGEST_HEADER:
                raise ValueError("no safetensors file")
            header = json.loads(file.read(length))
        found = json.loads(header["__metadata__"]["facewave"])
        if found["format"] != "facewave-vlm":
            raise ValueError(f"format {found['format']}")
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: not a trained vision-language model of facewave ({error}); expected what "
            "train_paligemma, train_qwen, export_paligemma or export_qwen wrote"
        ) from None
    return dict(found)
