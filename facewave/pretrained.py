"""Where the weights of a pretrained model come from: a folder, or the Hugging Face cache or hub.

No other source is tried: no mirror, and no smaller model in place of the one that was named.
With `HF_HUB_OFFLINE=1` only the cache is used; `HF_HOME` says where it lies, and `HF_TOKEN` signs
in to the hub.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facewave.storage.store import content_key, file_sha256

_log = logging.getLogger("facewave")
_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
_INDEX = "model.safetensors.index.json"
_WHOLE = "model.safetensors"
_COMMIT_DIGITS = 40


class WeightsError(Exception):
    """The weights of a model cannot be had; the message says what to do."""


def find_weights(
    model: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    setting: str = "vlm.model",
    processor: bool = True,
) -> Path:
    """Return the folder that holds a model's configuration, processor and weights.

    Args:
        model: a folder, or an id on the hub (`google/paligemma2-3b-mix-448`).
        revision: branch, tag or commit on the hub; None for its default branch.
        endpoint: address of the hub; None for the usual one.
        setting: configuration key of the model, for messages; `revision` is beside it.
        processor: whether it must have one for images or sound.

    Raises:
        WeightsError: the folder is incomplete, the licence has not been accepted, there is no such
            model or revision, or it is not in the cache and cannot be downloaded.
    """
    folder = Path(model)
    if folder.is_dir():
        return _whole(folder, str(folder), processor)
    if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") != 1:
        raise WeightsError(
            f"{setting}: {model}: there is no such folder; give the folder of a checkpoint, or an "
            "id on the Hugging Face hub (owner/name)"
        )
    folder = _snapshot(model, revision, endpoint, setting)
    return _whole(folder, f"{model} in the Hugging Face cache", processor)


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder of the Hugging Face cache holds; None for other folders."""
    name = folder.name
    is_commit = len(name) == _COMMIT_DIGITS and all(digit in "0123456789abcdef" for digit in name)
    return name if is_commit and folder.parent.name == "snapshots" else None


def _snapshot(model: str, revision: str | None, endpoint: str | None, setting: str) -> Path:
    from huggingface_hub import constants, errors, snapshot_download

    _log.info("weights of %s, revision %s", model, revision or "of the default branch")
    where = f"{model}, revision {revision or 'main'}"
    by_hand = (
        f"or download it on a machine with access (`hf download {model}"
        f"{f' --revision {revision}' if revision else ''} --local-dir FOLDER`) and set {setting} "
        "to that folder"
    )
    try:
        return Path(
            snapshot_download(
                model, revision=revision, endpoint=endpoint, allow_patterns=list(_FILES)
            )
        )
    except errors.GatedRepoError as error:
        raise WeightsError(
            f"{where}: its licence must be accepted first. Sign in at "
            f"https://huggingface.co/{model}, accept the licence, then run `hf auth login` or set "
            f"HF_TOKEN; {by_hand}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise WeightsError(
            f"{where}: the hub has no such revision; set "
            f"{setting.removesuffix('model')}revision to a commit that "
            f"https://huggingface.co/{model}/commits/main lists, or to main"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            f"{where}: the hub has no such model, or it is private: check {setting}, or run "
            f"`hf auth login` if it is yours; {by_hand}"
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        reason = (
            "HF_HUB_OFFLINE is set and the Hugging Face cache does not hold it: unset it once"
            if constants.HF_HUB_OFFLINE
            else "the hub cannot be reached and the Hugging Face cache does not hold it: connect"
        )
        key = setting.removesuffix("model") + "revision"
        cached = "" if revision in (None, "main") else f"; {key}: main takes what the cache holds"
        raise WeightsError(f"{where}: {reason}, {by_hand}{cached}") from error
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(
            f"{where}: cannot be downloaded ({reason}); try again, {by_hand}"
        ) from error


def weights_identity(folder: Path) -> dict[str, str]:
    """Return what distinguishes weights: their `commit`, or else the `sha256` of their files."""
    commit = commit_of(folder)
    if commit is not None:
        return {"commit": commit}
    _log.info("digest of the weights in %s", folder)
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.json")])
    return {"sha256": content_key(files={path.name: file_sha256(path) for path in files})}


def _whole(folder: Path, name: str, processor: bool) -> Path:
    missing = list(_missing(folder, processor))
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise WeightsError(
            f"{name}: {', '.join(missing[:3])}{more} missing in {folder}; download the checkpoint "
            "again, with its configuration, processor and all of its .safetensors files"
        )
    return folder


def _missing(folder: Path, processor: bool) -> Iterator[str]:
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json"):
        if not processor and name == "preprocessor_config.json":
            continue
        if name == "preprocessor_config.json" and (folder / "processor_config.json").is_file():
            continue
        if not (folder / name).is_file():
            yield name
    if (folder / _INDEX).is_file():
        parts = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        yield from (part for part in sorted(set(parts)) if not (folder / part).is_file())
    elif not (folder / _WHOLE).is_file():
        yield _WHOLE


PINS = {
    "google/paligemma2-3b-mix-448": "1406c92ec87d32cc6b983239278901b904ba7a51",
    "Qwen/Qwen2.5-VL-3B-Instruct": "66285546d2b821cf421d4f5eb2576359d3770cd3",
    "openai/whisper-small": "973afd24965f72e36ca33b3055d56a652f456b4d",
    "sentence-transformers/all-MiniLM-L6-v2": "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
}


def pinned_revision(model: str, revision: str | None) -> str | None:
    """Return the revision of a model to use: the given one, or else the pinned commit.

    A model without a pin keeps None, the hub's main branch; `main` names that branch explicitly.
    """
    return PINS.get(model) if revision is None else revision


def with_pin(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return a section of the configuration with the `revision` of its `model` resolved."""
    return {**section, "revision": pinned_revision(section["model"], section["revision"])}
