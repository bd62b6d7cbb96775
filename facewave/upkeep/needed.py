"""Which shards of the store the results need, read from all indexes and key files on disk.

What the current configuration says plays no part: a run with another number of buckets, from
another working folder or of another dataset may need what this one does not know of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.speech.transcribe_bucket import STAGE as TRANSCRIPTS
from facewave.speech.transcribe_bucket import TRANSCRIPT_COLUMNS
from facewave.storage.buckets import SEGMENT_COLUMNS, read_key_file
from facewave.storage.key_index import ANSWERS, needed_keys
from facewave.storage.tables import TableError, iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS

# The stages whose shards are named by indexes; of others nobody can say what is needed.
STAGES = ("tracks", "features", TRANSCRIPTS, ANSWERS)
# What was made of a trajectory bears its key at the beginning of its name, and is needed as long.
OF_TRACKS = ("shown_frames", "image_features")
_UNTRACKED = "untracked"
_NO_DATASETS = ("store", "models", "logs", "predict")

# What must be known of a clip to say that its index is that of its key file.
_Clip = tuple[str, ...]


@dataclass(frozen=True)
class Needed:
    """The keys that indexes name, and why they may not be all.

    Attributes:
        keys: stage to key to the names of the datasets that need it.
        indexes: stage and key to the indexes that name it.
        origins: key of a feature shard to that of the trajectory that it was made of.
        gaps: what is missing on disk; while there is anything, nothing may be removed.
    """

    keys: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    indexes: dict[tuple[str, str], set[Path]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)

    def needed_by(self, stage: str, name: str) -> set[str]:
        """Return the datasets that need a shard of `STAGES` or `OF_TRACKS`, by its file's stem."""
        if stage not in OF_TRACKS:
            return self.keys[stage].get(name, set())
        track_key = name.split("-")[0]
        return {"(not known)"} if track_key == _UNTRACKED else self.needed_by("tracks", track_key)

    def add(self, stage: str, key: str, dataset: str, index: Path | None = None) -> None:
        """Note that a dataset needs a key, and where that stands."""
        if key:
            self.keys[stage].setdefault(key, set()).add(dataset)
            if index is not None:
                self.indexes.setdefault((stage, key), set()).add(index)


def needed_shards(results: Path) -> Needed:
    """Return what the indexes below `results` name, whichever datasets are enabled.

    A stage that was begun for a dataset must have an index row of each clip in the dataset's key
    files, made of what the key file says now; what lacks one is among the `gaps`.
    """
    needed = Needed(keys={stage: {} for stage in STAGES})
    if (results / "store").is_symlink():
        needed.gaps.append(
            f"{results / 'store'} is a link: other results may use the same store, and what they "
            "need cannot be seen from here"
        )
    for folder in dataset_folders(results):
        try:
            _read_dataset(folder, needed)
        except (TableError, OSError, ValueError) as error:
            needed.gaps.append(str(error))
    return needed


def dataset_folders(results: Path) -> list[Path]:
    """Return the folders of the datasets that there are results of."""
    if not results.is_dir():
        return []
    folders = [*results.iterdir(), *results.glob("predict/*")]
    return sorted(path for path in folders if path.is_dir() and path.name not in _NO_DATASETS)


def _read_dataset(folder: Path, needed: Needed) -> None:
    name = folder.name
    wanted: dict[_Clip, str] = {}
    for path in _tables(folder / "keys" / "tracks"):
        for row in read_key_file(path):
            span = tuple(str(part) for part in row.span_ms or ("", ""))
            wanted[row.clip_id, row.fingerprint, *span] = row.clip_id
    tracked: dict[_Clip, str] = {}
    for path in _tables(folder / "tracks"):
        for cells in iter_rows(path, TRACK_COLUMNS):
            needed.add("tracks", cells["key"], name, path)
            clip = (cells["clip_id"], cells["fingerprint"], *(cells[n] for n in SEGMENT_COLUMNS))
            tracked[clip] = cells["key"]
    if _begun(folder / "tracks", folder / "logs" / "track_faces"):
        lacking = [clip_id for clip, clip_id in wanted.items() if clip not in tracked]
        _note(needed, folder / "tracks", lacking, "snakemake features")
    current = {(wanted[clip], key) for clip, key in tracked.items() if clip in wanted}
    for stage, logs in _feature_folders(folder):
        found = set()
        for path in _tables(stage):
            for cells in iter_rows(path, FEATURE_COLUMNS):
                needed.add("features", cells["key"], name, path)
                needed.origins[cells["key"]] = cells["track_key"]
                found.add((cells["clip_id"], cells["track_key"]))
        if _begun(stage, logs):
            lacking = [clip_id for clip_id, key in current if (clip_id, key) not in found]
            _note(needed, stage, lacking, "the run that made some of them")
    transcribed = set()
    for path in _tables(folder / TRANSCRIPTS):
        for cells in iter_rows(path, TRANSCRIPT_COLUMNS):
            needed.add(TRANSCRIPTS, cells["key"], name, path)
            transcribed.add(cells["clip_id"])
    if _begun(folder / TRANSCRIPTS, folder / "logs" / "transcribe_clips"):
        lacking = [clip_id for clip_id in wanted.values() if clip_id not in transcribed]
        _note(needed, folder / TRANSCRIPTS, lacking, "snakemake transcribe")
    # These indexes are written before the first shard is made, so none can be missing.
    for of in (ANSWERS, "features"):
        for key in needed_keys(folder, of):
            needed.add(of, key, name)


def _tables(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.tsv"))


def _begun(indexes: Path, logs: Path) -> bool:
    return bool(_tables(indexes)) or next(logs.rglob("*.log"), None) is not None


def _feature_folders(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the folders of feature indexes and of their jobs' logs, of variants as well."""
    logs = folder / "logs"
    yield folder / "features", logs / "encode_features"
    variants = {path.parent.name for path in folder.glob("ablation/*/features")}
    variants |= {path.name for path in (logs / "encode_variant").glob("*")}
    for variant in sorted(variants):
        yield folder / "ablation" / variant / "features", logs / "encode_variant" / variant
    for path in sorted(folder.glob("vlm/*/features")):
        yield path, logs / "shuffle_time_encode"


def _note(needed: Needed, folder: Path, lacking: list[str], command: str) -> None:
    if lacking:
        needed.gaps.append(
            f"{folder}: {len(lacking):,} clips have no index row, or one of another state (such as "
            f"{sorted(lacking)[0]}): finish {command}"
        )
