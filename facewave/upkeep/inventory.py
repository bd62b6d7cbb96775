"""What the store holds: how much by dataset, stage, options and age, and what nothing needs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facewave.storage.store import DamagedShardError, content_key, read_metadata
from facewave.upkeep.needed import OF_TRACKS, STAGES, Needed, needed_shards
from facewave.upkeep.verify import store_files

NOBODY = "(nothing)"
# Metadata that say how a shard was made, not of what.
_OPTIONS = (
    "landmarker", "default_fps", "model_sha256", "track_version", "software", "points",
    "wavelet", "features", "quality_options", "feature_version",
    "engine", "model", "revision", "transcript_version",
)  # fmt: skip
_QUESTION = ("model", "revision", "prompt", "frames", "version")
_DAY = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Shards of one stage that were made in one way and that the same datasets need.

    Attributes:
        datasets: names, joined by a comma, or `(nothing)`.
        options: first digits of the digest of `made_with`.
        made_with: how they were made, as far as the shards say.
        oldest_days, newest_days: age of the oldest and the newest.
    """

    datasets: str
    stage: str
    options: str
    made_with: Mapping[str, Any]
    shards: int
    bytes: int
    oldest_days: float
    newest_days: float


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The holdings, the damaged files among them, and why the needs may not be all known."""

    holdings: Sequence[Holding]
    unreadable: Sequence[str]
    gaps: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-serialisable values."""
        return asdict(self)

    def text(self) -> str:
        """Return it as a table for a person."""
        lines = [f"{'needed by':<24} {'stage':<14} {'options':<8} {'shards':>9} {'MB':>10}  days"]
        lines += [
            f"{h.datasets:<24} {h.stage:<14} {h.options:<8} {h.shards:>9,} {h.bytes / 1e6:>10,.1f}"
            f"  {h.newest_days:.0f} to {h.oldest_days:.0f}"
            for h in self.holdings
        ]
        if not self.holdings:
            lines.append("the store is empty")
        if self.unreadable:
            lines.append(f"{len(self.unreadable):,} shards cannot be read: snakemake verify_store")
        lines += [f"not finished, so that more may be needed: {gap}" for gap in self.gaps]
        return "\n".join(lines)


def take_inventory(results: Path, store: Path) -> Inventory:
    """Return what the store holds; reads the metadata of every shard.

    Args:
        results: whose indexes name shards.
        store: folder of the content-addressed store.
    """
    needed, now = needed_shards(results), time.time()
    groups: dict[tuple[str, str, str], list[tuple[int, float]]] = defaultdict(list)
    made: dict[str, Mapping[str, Any]] = {}
    unreadable = []
    for stage, path in store_files(store):
        try:
            status = path.stat()
            options = _options(read_metadata(path)) if path.suffix == ".npz" else {}
        except FileNotFoundError:
            continue
        except DamagedShardError:
            unreadable.append(str(path))
            continue
        digest = content_key(**options)[:8]
        made[digest] = options
        groups[_who(needed, stage, path.stem), stage, digest].append(
            (status.st_size, (now - status.st_mtime) / _DAY)
        )
    holdings = [
        Holding(
            datasets=who,
            stage=stage,
            options=digest,
            made_with=made[digest],
            shards=len(files),
            bytes=sum(size for size, _ in files),
            oldest_days=round(max(age for _, age in files), 2),
            newest_days=round(min(age for _, age in files), 2),
        )
        for (who, stage, digest), files in sorted(groups.items())
    ]
    return Inventory(holdings=holdings, unreadable=unreadable, gaps=needed.gaps)


def _who(needed: Needed, stage: str, key: str) -> str:
    if stage not in (*STAGES, *OF_TRACKS):
        return "(not known)"
    return ",".join(sorted(needed.needed_by(stage, key))) or NOBODY


def _options(metadata: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: metadata[name] for name in _OPTIONS if name in metadata}
    question = metadata.get("question")
    if isinstance(question, dict):
        said |= {name: question[name] for name in _QUESTION if name in question}
    return said
