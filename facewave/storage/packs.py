"""The files of a pack: trajectories of a dataset in a folder or archive, to be used elsewhere.

pack.json         what it is: format, dataset, classes, versions
manifest.parquet  the clips
tracks.tsv        the trajectory of each clip: key, and digest of its file
tracks/KEY.npz    trajectory shards, without pictures
splits/….json     the clip ids of the parts, per fold
SHA256SUMS        digests of all other files, for `sha256sum --check`
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FORMAT = 1
DESCRIPTION = "pack.json"
MANIFEST = "manifest.parquet"
TRACKS = "tracks.tsv"
TRACK_COLUMNS = ("clip_id", "key", "sha256")
SUMS = "SHA256SUMS"


@dataclass(frozen=True, slots=True)
class PackedTrack:
    """A trajectory shard in a pack: the key that it was made under, and the digest of its file."""

    key: str
    sha256: str

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps({"packed": asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> PackedTrack | None:
        """Return what `to_json` wrote; None for a table of landmarks."""
        values = json.loads(text).get("packed")
        return None if values is None else cls(**values)


def shard_name(key: str) -> str:
    """Return the path of a shard in a pack."""
    return f"tracks/{key}.npz"


def read_sums(folder: Path) -> dict[str, str]:
    """Return the digests of a pack's files, by path.

    Raises:
        OSError: there is no such list.
    """
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
