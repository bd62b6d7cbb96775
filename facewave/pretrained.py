"""Where the weights of a pretrained model come from: a folder, or the Hugging Face cache or hub.

No other source is tried: no mirror, and no smaller model in place of the one that was named.
With `HF_HUB_OFFLINE=1` only the cache is used; `HF_HOME` says where it lies, and `HF_TOKEN` signs
in to the hub.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
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


@dataclass(frozen=True, kw_only=True)
class Download:
    """What a model needs from the hub.

    Attributes:
        commit: that its revision names now.
        files: names of the files that facewave reads.
        missing: bytes of those that are not in the Hugging Face cache.
    """

    commit: str
    files: Sequence[str]
    missing: int


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
    if not _on_hub(model):
        raise WeightsError(
            f"{setting}: {model}: there is no such folder; give the folder of a checkpoint, or an "
            "id on the Hugging Face hub (owner/name)"
        )
    folder = _snapshot(model, revision, endpoint, setting)
    return _whole(folder, f"{model} in the Hugging Face cache", processor)


def commit_of(folder: Path) -> str | None:
    """Return the commit that a folder of the Hugging Face cache holds; None for other folders."""
    is_snapshot = _is_commit(folder.name) and folder.parent.name == "snapshots"
    return folder.name if is_snapshot else None


def _on_hub(model: str) -> bool:
    folder = Path(model)
    local = folder.is_dir() or folder.is_absolute() or model.startswith((".", "~"))
    return not local and model.count("/") == 1


def _is_commit(name: str) -> bool:
    return len(name) == _COMMIT_DIGITS and all(digit in "0123456789abcdef" for digit in name)


def _snapshot(model: str, revision: str | None, endpoint: str | None, setting: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = _wanted(model, revision, endpoint, setting)
    if isinstance(wanted, Path):
        return wanted
    _log.info("%s, commit %s: %.2f GB to download", model, wanted.commit, wanted.missing / 1e9)
    with _told(model, revision, setting):
        return Path(
            snapshot_download(
                model,
                revision=wanted.commit,
                endpoint=endpoint,
                allow_patterns=list(wanted.files),
            )
        )


def _wanted(
    model: str, revision: str | None, endpoint: str | None, setting: str
) -> Download | Path:
    """Return what is to be downloaded, or the folder in the cache if nobody is to be asked."""
    from huggingface_hub import HfApi, constants

    cached = _cached(model, revision)
    # A commit never changes.
    if cached and (_is_commit(revision or "") or constants.HF_HUB_OFFLINE):
        return cached
    hub = HfApi(endpoint=endpoint)
    try:
        with _told(model, revision, setting):
            found = hub.model_info(model, revision=revision, files_metadata=True)
            hub.auth_check(model)
    except WeightsError as error:
        if cached is None:
            raise
        _log.warning("%s; taking what the cache holds", error)
        return cached
    sizes = {file.rfilename: int(file.size or 0) for file in found.siblings or ()}
    needed = _needed(sizes)
    cache = Path(constants.HF_HUB_CACHE)
    stored = cache / f"models--{model.replace('/', '--')}" / "snapshots" / str(found.sha)
    missing = sum(sizes[name] for name in needed if not (stored / name).exists())
    room = shutil.disk_usage(next(p for p in (cache, *cache.parents) if p.exists())).free
    if missing > room:
        raise WeightsError(
            f"{model}: {missing / 1e9:.1f} GB are to be downloaded, but {cache} has room for "
            f"{room / 1e9:.1f} GB: free some, or set HF_HOME to a folder on a larger disk"
        )
    return Download(commit=str(found.sha), files=needed, missing=missing)


def _cached(model: str, revision: str | None) -> Path | None:
    """Return the folder of the cache that holds a revision whole; None: there is none."""
    from huggingface_hub import errors, try_to_load_from_cache

    try:
        path = try_to_load_from_cache(model, "config.json", revision=revision)
    except errors.HFValidationError:
        return None
    whole = isinstance(path, str) and not list(_missing(Path(path).parent, processor=False))
    return Path(str(path)).parent if whole else None


@contextmanager
def _told(model: str, revision: str | None, setting: str) -> Iterator[None]:
    """Turn what the hub refuses into an error that says what to do."""
    from huggingface_hub import constants, errors

    where = f"{model}, revision {revision or 'main'}"
    by_hand = (
        f"or download it on a machine with access (`hf download {model}"
        f"{f' --revision {revision}' if revision else ''} --local-dir FOLDER`) and set {setting} "
        "to that folder"
    )
    key = setting.removesuffix("model") + "revision"
    try:
        yield
        return
    except errors.GatedRepoError:
        text = (
            f"its licence must be accepted first. Sign in at https://huggingface.co/{model}, "
            f"accept the licence, then run `hf auth login` or set HF_TOKEN; {by_hand}"
        )
    except errors.RevisionNotFoundError:
        text = (
            f"the hub has no such revision; set {key} to a commit that "
            f"https://huggingface.co/{model}/commits/main lists, or to main"
        )
    except errors.RepositoryNotFoundError:
        text = (
            f"the hub has no such model, or it is private: check {setting}, or run "
            f"`hf auth login` if it is yours; {by_hand}"
        )
    except (errors.HTTPError, errors.HFValidationError, OSError) as error:
        unreachable = isinstance(error, errors.LocalEntryNotFoundError | ConnectionError) or (
            not isinstance(error, OSError | errors.HFValidationError)
        )
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        text = f"cannot be downloaded ({reason}); try again, {by_hand}"
        if unreachable:
            lacks = "the Hugging Face cache does not hold it"
            offline = f"HF_HUB_OFFLINE is set and {lacks}: unset it once"
            unreached = f"the hub cannot be reached and {lacks}: connect"
            text = f"{offline if constants.HF_HUB_OFFLINE else unreached}, {by_hand}"
            if revision not in (None, "main"):
                text += f"; {key}: main takes what the cache holds"
    raise WeightsError(f"{where}: {text}")


def check_weights(
    model: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    setting: str = "vlm.model",
) -> Download | None:
    """Make sure that a model's weights can be had, without downloading them.

    Args:
        model, revision, endpoint, setting: as for `find_weights`.

    Returns:
        what is to be downloaded; None if the weights are in a folder or the cache.

    Raises:
        WeightsError: as for `find_weights`, or the disk of the cache has too little room.
    """
    if _on_hub(model):
        wanted = _wanted(model, revision, endpoint, setting)
        return None if isinstance(wanted, Path) else wanted
    find_weights(model, setting=setting)
    return None


def fetch_weights(
    model: str,
    *,
    revision: str | None = None,
    endpoint: str | None = None,
    setting: str = "vlm.model",
) -> dict[str, str | None]:
    """Bring a model's weights to this machine, unless they are here; return what was fetched.

    Only the files that facewave reads are downloaded.

    Args:
        model, revision, endpoint, setting: as for `find_weights`.

    Returns:
        `model`, `revision` as wanted, and `commit`; None for a folder.

    Raises:
        WeightsError: as for `check_weights`.
    """
    folder = find_weights(model, revision=revision, endpoint=endpoint, setting=setting)
    _log.info("%s: %s", model, folder)
    return {"model": model, "revision": revision, "commit": commit_of(folder)}


def with_commit(model: Mapping[str, Any], fetched: Sequence[str]) -> dict[str, Any]:
    """Return options with the `revision` replaced by the commit that was fetched.

    So a job needs no network to know what a branch names.

    Args:
        model: options of a model, with its `revision`.
        fetched: the file with what `fetch_weights` returned; none for a model without weights.
    """
    commits = [json.loads(Path(file).read_text(encoding="utf-8"))["commit"] for file in fetched]
    return {**model, "revision": next(filter(None, commits), model["revision"])}


def _needed(names: Iterable[str]) -> list[str]:
    """Return those files of a repository that facewave reads; none of its folders."""
    top = sorted(name for name in names if "/" not in name)
    weights = "model-*.safetensors" if _INDEX in top else _WHOLE
    patterns = [weights if pattern == "*.safetensors" else pattern for pattern in _FILES]
    return [name for name in top if any(fnmatch(name, pattern) for pattern in patterns)]


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
