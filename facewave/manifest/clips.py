"""The manifest: one row per clip, written as Parquet (and CSV to look at) and read back.

`schemas/manifest.schema.yaml` describes the columns. The Snakefile imports this module, so pyarrow
is imported only by the functions that need it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from facewave.storage.parquet import open_parquet, write_parquet
from facewave.storage.roots import DatasetRoot, Located, relative_path
from facewave.storage.seals import DamagedFileError
from facewave.storage.tables import write_csv

COLUMNS = (
    "clip_id",
    "file_path",
    "video_idx",
    "label",
    "actual",
    "label_distribution",
    "subject",
    "take",
    "fold",
    "split",
    "text",
    "fps_hint",
    "source",
    "scene",
    "start_ms",
    "end_ms",
)
_NOT_NULL = 3  # the first three columns have a value in every row
_SHOWN = 100

# What to do about clips without a label where one is needed.
LABELS_WANTED = (
    "give them one (a column `label` in the table, a folder for each class), with values in place "
    "of labels set `classes: null` and mlp.head: regression, or ask for what needs none: features, "
    "quality, export_frames, face_crops, near_duplicates or transcribe"
)

# Names and values, in the order of the columns that they were read from.
Targets = tuple[tuple[str, float], ...]


class ManifestError(ValueError):
    """A dataset's label files, or a manifest, cannot be used.

    Attributes:
        what: what cannot be used
        problems: one line per problem, all of them; the message shows the first 100
        advice: what to do
    """

    def __init__(self, what: str, problems: Sequence[str], *, advice: str) -> None:
        """Make the message: what cannot be used, one line per problem, then what to do."""
        self.what, self.problems, self.advice = what, list(problems), advice
        count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
        lines = [f"{what}: {count}", *(f"  {problem}" for problem in problems[:_SHOWN])]
        if len(problems) > _SHOWN:
            lines.append(f"  and {len(problems) - _SHOWN:,} more")
        super().__init__("\n".join([*lines, advice]))


class NotThereYetError(ManifestError):
    """The dataset cannot be planned before another target has been made."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of a dataset.

    Attributes:
        clip_id: unique within the dataset, safe as a file name
        file_path: the video or its folder of frames, absolute or relative to the working folder
        video_idx: position in the dataset, from 0
        label: index into the dataset's class list; None: not known
        actual: the class's name; None: not known
        label_distribution: votes or probabilities of the classes, in the class list's order
        subject, take: the person, and which recording of the person
        fold, split: where the dataset's own protocol puts the clip; split is train, val or test
        text: caption or transcript
        fps_hint: frames per second, for containers that name none
        source: the movie or recording that the clip was cut from
        scene: the kind of situation, where the dataset names it
        start_ms, end_ms: of a segment, its part of the video, in ms since the first frame: from
            the first time on and before the second; None for a whole video
        targets: real values (questionnaire scores, valence) that are known; None if there are none
        fingerprint: of the recipe, where the workflow itself makes the file
        missing: there was no such file when the dataset was read
        table: how its rows are read, where the file is a table of landmarks over time, see
            `facewave.landmark_tables.options`
        root: the dataset's, which tables name `file_path` relative to; None: they have it as it is

    The last five are not written to the manifest: targets have a file of their own (see
    `facewave.manifest.targets`), the others hold only for the moment.
    """

    clip_id: str
    file_path: str
    video_idx: int
    label: int | None
    actual: str | None
    label_distribution: tuple[float, ...] | None = None
    subject: str | None = None
    take: str | None = None
    fold: str | None = None
    split: str | None = None
    text: str | None = None
    fps_hint: float | None = None
    source: str | None = None
    scene: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    targets: Targets | None = None
    fingerprint: str | None = None
    missing: bool = False
    table: str | None = None
    root: DatasetRoot | None = field(default=None, compare=False)

    @property
    def relative_path(self) -> str:
        """The file as tables name it, wherever the dataset is."""
        return relative_path(self.file_path, self.root)

    @property
    def span_ms(self) -> tuple[int, int] | None:
        """The segment's part of the video in ms (from, before); None for a whole video."""
        if self.start_ms is None or self.end_ms is None:
            return None
        return self.start_ms, self.end_ms

    @property
    def video_id(self) -> str:
        """The id of the clip that this is a segment of, or its own."""
        return self.clip_id if self.start_ms is None else self.clip_id.rpartition("__")[0]


@cache
def manifest_schema() -> Any:
    """Return the manifest's `pyarrow.Schema`: string, int32, double and list<float> columns."""
    import pyarrow as pa

    types = {
        "video_idx": pa.int32(),
        "label": pa.int32(),
        "label_distribution": pa.list_(pa.float32()),
        "fps_hint": pa.float64(),
        "start_ms": pa.int32(),
        "end_ms": pa.int32(),
    }
    return pa.schema(
        [
            pa.field(name, types.get(name, pa.string()), nullable=position >= _NOT_NULL)
            for position, name in enumerate(COLUMNS)
        ]
    )


def write_manifest(
    clips: Sequence[Clip],
    parquet_path: Path,
    csv_path: Path | None,
    *,
    metadata: Mapping[str, str],
) -> None:
    """Write the manifest as Parquet and as CSV, each whole or not at all.

    The same arguments give the same bytes. In the CSV an empty cell is null and the numbers of
    `label_distribution` are separated by spaces.

    Args:
        clips: the rows, in the order in which they are written
        parquet_path: the Parquet file; its folder is made
        csv_path: the CSV file (UTF-8, commas); its folder is made; None: no CSV
        metadata: names and texts for the Parquet schema's metadata
    """
    import pyarrow as pa

    schema = manifest_schema().with_metadata(dict(sorted(metadata.items())))
    columns = {name: [getattr(clip, name) for clip in clips] for name in schema.names}
    columns["file_path"] = [clip.relative_path for clip in clips]
    table = pa.table(columns, schema=schema)
    write_parquet(parquet_path, table)
    if csv_path is None:
        return
    columns["label_distribution"] = [
        " ".join(str(float(vote)) for vote in votes) if votes is not None else None
        for votes in columns["label_distribution"]
    ]
    write_csv(csv_path, tuple(columns), zip(*columns.values(), strict=True))


def read_manifest(path: Path) -> list[Clip]:
    """Read the clips of a manifest that `write_manifest` wrote.

    Args:
        path: the Parquet file, in the folder of the dataset's results

    Returns:
        the clips in the file's order, without targets, `fingerprint` or `missing`;
        `label_distribution` has been rounded to float32, `file_path` is where the file is now

    Raises:
        ManifestError: no such file, not Parquet, or other columns than the manifest's
    """
    table = _read(path)
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    columns["label_distribution"] = [
        tuple(votes) if votes is not None else None for votes in columns["label_distribution"]
    ]
    located = Located.of(path.parent)
    named = columns["file_path"]
    columns["file_path"] = [located.path(name) for name in named]
    clips = map(Clip, *columns.values())
    return [replace(clip, root=located.root(name)) for clip, name in zip(clips, named, strict=True)]


def _read(path: Path) -> Any:
    advice = "Remove the file and run the workflow again: it writes the manifest again."
    try:
        with open_parquet(path) as file:
            found = file.schema_arrow
            # Columns that may be null today may not have been when the file was written.
            if (found.names, found.types) == (list(COLUMNS), manifest_schema().types):
                return file.read()
    except (OSError, DamagedFileError) as error:
        raise ManifestError(str(path), [str(error)], advice=advice) from error
    problem = f"found the columns {', '.join(found.names)}, expected {', '.join(COLUMNS)}"
    if found.names == list(COLUMNS):
        problem = f"found the types {found.types}, expected {manifest_schema().types}"
    raise ManifestError(str(path), [problem], advice=advice)
