"""Writes a pack: what `adapter: packed` reads."""

from __future__ import annotations

import hashlib
import json
import secrets
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from facewave import __version__
from facewave.manifest.clips import Clip, read_manifest, write_manifest
from facewave.storage.atomic import atomic_path
from facewave.storage.packs import (
    DESCRIPTION,
    FORMAT,
    MANIFEST,
    SUMS,
    TRACK_COLUMNS,
    TRACKS,
    shard_name,
)
from facewave.storage.parquet import read_parquet
from facewave.storage.store import (
    drop_index_if_damaged,
    file_sha256,
    iter_index,
    read_shard,
    shard_path,
    write_shard,
)
from facewave.storage.tables import format_rows
from facewave.versions import TRACK_VERSION

# What tracking keeps of the pictures.
_PICTURES = ("thumbnails", "thumbnail_frame")
_README = """# {dataset}: trajectories of faces

Written by facewave {version}. {clips} clips with a trajectory, {without} without one, which are
left out; {videos} trajectories; classes: {classes}. Names: {names}.

It holds no picture and no sound. It holds the positions of facial landmarks in every frame,
blendshapes, the pose of the head, labels and, if names are kept, names and texts.

**Landmarks can identify people**: the shape of a face is personal data in many countries. Keys are
made from the videos' bytes, so whoever has a video can tell that it is in here. Share it as the
videos' licence and the people's consent allow.

To verify it: `sha256sum --check SHA256SUMS` in this folder.

To use it, with facewave of the same version of trajectories ({track_version}):

    enabled: [{dataset}]
    datasets:
      {dataset}: {{adapter: packed, root: /path/to/this/folder, classes: {class_list}}}

With the configuration of where it was made, features, splits and models are the same; with hashed
names they are the same for all who use the pack. `splits/` says which clips were in which part.
"""


@dataclass
class _Names:
    """Names as they are, or digests of them that only the owner of the salt can make."""

    salt: bytes | None

    def of(self, kind: str, name: str | None) -> str | None:
        if name is None or self.salt is None:
            return name
        return kind + hashlib.sha256(self.salt + f"{kind}:{name}".encode()).hexdigest()[:20]


def write_pack(
    target: Path,
    *,
    dataset: str,
    classes: Sequence[str],
    manifest: Path,
    indexes: Iterable[Path],
    splits: Mapping[str, Mapping[str, Path]],
    store: Path,
    salt: bytes | None,
) -> None:
    """Write a dataset's trajectories, clips and parts as a ZIP archive; equal content, equal bytes.

    Args:
        target: the archive
        dataset: its name
        classes: its class list
        manifest: its manifest
        indexes: of its trajectories, one per bucket
        splits: by the name of a fold, part to the Parquet file of its clips
        store: folder of the content-addressed store
        salt: of the names of clips, people, takes and sources, which become digests; texts are left
            out. None: names stay

    Raises:
        DroppedIndexError: a trajectory is damaged or missing
    """
    names = _Names(salt)
    clips = read_manifest(manifest)
    with (
        atomic_path(target) as temporary,
        tempfile.TemporaryDirectory(dir=target.parent) as folder,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        packer = _Packer(archive, Path(folder))
        digests = _add_tracks(packer, indexes, store, hashed=salt is not None)
        rows = [
            {
                "clip_id": names.of("c", clip.clip_id),
                "key": digests[clip.clip_id][0],
                "sha256": digests[clip.clip_id][1],
            }
            for clip in clips
            if clip.clip_id in digests
        ]
        packer.text(TRACKS, format_rows(TRACK_COLUMNS, rows))
        path = Path(folder) / MANIFEST
        write_manifest([_named(clip, names) for clip in clips], path, None, metadata={})
        packer.file(MANIFEST, path)
        for fold, parts in sorted(splits.items()):
            packer.json(f"splits/{fold}.json", {p: _ids(f, names) for p, f in parts.items()})
        about = {
            "format": FORMAT,
            "dataset": dataset,
            "classes": list(classes),
            "names": "kept" if salt is None else "hashed",
            "facewave_version": __version__,
            "track_version": TRACK_VERSION,
        }
        packer.json(DESCRIPTION, about)
        text = _README.format(
            dataset=dataset,
            version=__version__,
            clips=len(rows),
            without=len(clips) - len(rows),
            videos=len({row["key"] for row in rows}),
            classes=", ".join(classes),
            class_list=json.dumps(list(classes)),
            names=about["names"],
            track_version=TRACK_VERSION,
        )
        packer.text("README.md", text)
        lines = (f"{digest}  {name}\n" for name, digest in sorted(packer.sums.items()))
        packer.text(SUMS, "".join(lines))


def pack_salt(path: Path) -> bytes:
    """Return the salt of a dataset's hashed names, made once: who has it can tell the names."""
    if not path.exists():
        with atomic_path(path) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(32) + "\n", encoding="utf-8")
    return bytes.fromhex(path.read_text(encoding="utf-8"))


class _Packer:
    """Adds files to an archive and keeps their digests."""

    def __init__(self, archive: zipfile.ZipFile, folder: Path) -> None:
        self._archive, self.folder = archive, folder
        self.sums: dict[str, str] = {}

    def file(self, name: str, path: Path) -> str:
        self.sums[name] = file_sha256(path)
        # A ZipInfo of its own has no date.
        info = zipfile.ZipInfo(name)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        info.file_size = path.stat().st_size
        with path.open("rb") as source, self._archive.open(info, "w") as target:
            while block := source.read(1 << 20):
                target.write(block)
        return self.sums[name]

    def text(self, name: str, text: str) -> None:
        path = self.folder / "text"
        path.write_text(text, encoding="utf-8")
        self.file(name, path)

    def json(self, name: str, value: Any) -> None:
        self.text(name, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _add_tracks(
    packer: _Packer, indexes: Iterable[Path], store: Path, *, hashed: bool
) -> dict[str, tuple[str, str]]:
    """Add the trajectories; return key and digest by clip id."""
    found: dict[str, tuple[str, str]] = {}
    digests: dict[str, str] = {}
    for index in indexes:
        for row in iter_index(index, ("clip_id", "key")):
            key = row["key"]
            if not key:
                continue
            if key not in digests:
                with drop_index_if_damaged(index, clip_id=row["clip_id"]):
                    arrays, metadata = read_shard(shard_path(store, "tracks", key))
                for name in _PICTURES:
                    if name in arrays:
                        arrays[name] = np.zeros((0, *arrays[name].shape[1:]), arrays[name].dtype)
                if hashed:
                    metadata.pop("content_sha256", None)
                    # How a table was read has the clip's name; that it was one is still said.
                    metadata |= {"table": {}} if "table" in metadata else {}
                path = packer.folder / "shard.npz"
                write_shard(path, arrays, metadata)
                digests[key] = packer.file(shard_name(key), path)
            found[row["clip_id"]] = (key, digests[key])
    return found


def _named(clip: Clip, names: _Names) -> Clip:
    return replace(
        clip,
        clip_id=str(names.of("c", clip.clip_id)),
        file_path="",
        subject=names.of("s", clip.subject),
        take=names.of("t", clip.take),
        source=names.of("m", clip.source),
        text=clip.text if names.salt is None else None,
    )


def _ids(part: Path, names: _Names) -> list[str]:
    ids = read_parquet(part, ["clip_id"]).column("clip_id").to_pylist()
    return [str(names.of("c", clip_id)) for clip_id in ids]
