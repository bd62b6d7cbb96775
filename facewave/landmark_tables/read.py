"""Read the rows of clips from a table of landmarks over time: CSV, TSV (also gzipped), Parquet."""

from __future__ import annotations

import csv
import gzip
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.landmark_tables.layout import Layout, TrackTableError, find_layout
from facewave.landmark_tables.options import TrackTable
from facewave.messages import did_you_mean, listed

# How programs write that there is no number.
_BLANKS = (
    "", " ", "  ", "nan", "NaN", "NAN", "-nan", "nan(ind)", "-nan(ind)", "1.#IND", "-1.#IND",
    "1.#QNAN", "null", "NULL", "None", "NA", "N/A",
)  # fmt: skip
# Names of clips are often those of videos.
_SUFFIXES = (
    ".mp4", ".avi", ".flv", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".csv",
)  # fmt: skip
_BLOCK_BYTES = 4 * 1024 * 1024
_BLOCK_ROWS = 4096


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipRows:
    """The n rows of one clip, as they stand in the table; NaN where a cell is blank.

    Attributes:
        layout: of the table.
        landmarks: float32 (n, N, d), in the table's unit.
        blendshapes, action_units: float32 (n, 52 or 0) and (n, a).
        numbers: role (`frame`, `time`, `time_ms`, `confidence`, `success`, `width`, `height`) to
            float64 (n,), for those that the table has.
        faces: int64 (n,), which face of the table a row is of; None where it does not say.
    """

    layout: Layout
    landmarks: NDArray[np.float32]
    blendshapes: NDArray[np.float32]
    action_units: NDArray[np.float32]
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    faces: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.landmarks)

    @property
    def sha256(self) -> str:
        """SHA-256 of all values: the same for the same rows in whatever kind of file."""
        digest = hashlib.sha256(str(self.layout.channels).encode())
        arrays: dict[str, NDArray[Any]] = {
            "landmarks": self.landmarks,
            "blendshapes": self.blendshapes,
            "action_units": self.action_units,
            **dict(sorted(self.numbers.items())),
            **({} if self.faces is None else {"faces": self.faces}),
        }
        for name, array in arrays.items():
            # One NaN has many patterns of bits.
            plain = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
            digest.update(f"{name} {plain.dtype.str} {plain.shape}\n".encode())
            digest.update(np.ascontiguousarray(plain).tobytes())
        return digest.hexdigest()


class LandmarkTable:
    """A table in memory, from which the rows of clips are taken.

    All values that are used are held as 4 bytes each.
    """

    def __init__(self, path: Path, options: TrackTable) -> None:
        """Read the table.

        Args:
            path: of the table.
            options: of the dataset; the name of the clip is not looked at.

        Raises:
            TrackTableError: it is not a table of landmarks.
            OSError: it cannot be read.
        """
        parquet = path.suffix.lower() == ".parquet"
        header = _parquet_header(path) if parquet else _csv_header(path)
        self._layout = find_layout(header, options)
        read = _parquet_blocks if parquet else _csv_blocks
        blocks = list(read(path, header, self._layout))
        self._rows = _joined(self._layout, blocks)
        names = [name for block in blocks for name in block.words.get("clip", ())]
        self._clips: dict[str, NDArray[np.int64]] = {}
        if "clip" in self._layout.names:
            plain = np.array([plain_name(name) for name in names], object)
            known, inverse = np.unique(plain.astype(str), return_inverse=True)
            order = np.argsort(inverse, kind="stable")
            parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1]) if len(names) else []
            self._clips = dict(zip(known.tolist(), parts, strict=True))

    def rows(self, clip: str | None) -> ClipRows:
        """Return the rows of a clip, in the order of the table.

        Args:
            clip: its name; None: the only clip of the table. A folder and the suffix of a video do
                not count.

        Raises:
            TrackTableError: the table does not hold it, or holds several.
        """
        if not self._clips:
            return self._rows
        if clip is None or (len(self._clips) == 1 and plain_name(clip) not in self._clips):
            if len(self._clips) > 1:
                raise TrackTableError(
                    f"the table holds {len(self._clips)} clips ({listed(self._clips)}): name which "
                    "one is meant in the column `track` of the label table"
                )
            clip = next(iter(self._clips))
        if plain_name(clip) not in self._clips:
            raise TrackTableError(
                f"no rows of {clip!r} in its column {self._layout.names['clip']!r}"
                f"{did_you_mean(clip, self._clips)}"
            )
        return _taken(self._rows, self._clips[plain_name(clip)])


def plain_name(name: str) -> str:
    """Return a clip's name without folders and without the suffix of a video."""
    path = PurePosixPath(name.strip().replace("\\", "/"))
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def clip_names(path: Path, options: TrackTable) -> list[str]:
    """Return the names of a table's clips, in the order of their first rows; none without a column.

    Raises:
        TrackTableError: it is not a table of landmarks.
        OSError: it cannot be read.
    """
    parquet = path.suffix.lower() == ".parquet"
    header = _parquet_header(path) if parquet else _csv_header(path)
    layout = find_layout(header, options)
    if "clip" not in layout.names:
        return []
    read = _parquet_batches if parquet else _csv_batches
    column = layout.names["clip"]
    found: dict[str, None] = {}
    for batch in read(path, header, words=[column], numbers=[]):
        found.update(dict.fromkeys(batch.column(column).to_pylist()))
    return [name for name in found if name]


@dataclass(frozen=True, eq=False)
class _Block:
    """Some rows: the numbers of the columns that are used, and the words of the others."""

    values: dict[str, NDArray[np.float32]]
    numbers: dict[str, NDArray[np.float64]]
    words: dict[str, list[str]]


def _csv_header(path: Path) -> list[str]:
    line = _first_line(path)
    cells = next(csv.reader([line], delimiter=_delimiter(line)), [])
    return _distinct([cell.strip() for cell in cells])


def _first_line(path: Path) -> str:
    opened = gzip.open if path.suffix.lower() == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", errors="replace", newline="") as file:
            return str(file.readline())
    except (gzip.BadGzipFile, EOFError) as error:
        raise TrackTableError(f"not a gzipped table: {error}") from None


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _distinct(names: Sequence[str]) -> list[str]:
    """Make names of columns distinct, as readers want them: only the first of a name is used."""
    seen: set[str] = set()
    found = []
    for position, name in enumerate(names):
        found.append(f"column {position} ({name})" if name in seen or not name else name)
        seen.add(name)
    return found


def _csv_batches(
    path: Path, header: Sequence[str], *, words: Sequence[str], numbers: Sequence[str]
) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    types = {**dict.fromkeys(numbers, pa.float64()), **dict.fromkeys(words, pa.string())}
    try:
        with arrow_csv.open_csv(
            str(path),
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=list(header), skip_rows=1
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=_delimiter(_first_line(path))),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types, include_columns=[*words, *numbers], null_values=list(_BLANKS)
            ),
        ) as reader:
            yield from reader
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if "Empty CSV" not in str(error):
            raise TrackTableError(f"not a readable table: {error}") from error


def _parquet_header(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return _distinct([name.strip() for name in file.schema_arrow.names])
    except pa.ArrowException as error:
        raise TrackTableError(f"not a readable Parquet file: {error}") from error


def _parquet_batches(
    path: Path, header: Sequence[str], *, words: Sequence[str], numbers: Sequence[str]
) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {**dict.fromkeys(words, pa.string()), **dict.fromkeys(numbers, pa.float64())}
    try:
        with pq.ParquetFile(path) as file:
            own = dict(zip(header, file.schema_arrow.names, strict=True))
            names = [own[name] for name in types]
            for batch in file.iter_batches(_BLOCK_ROWS, columns=names, use_threads=False):
                columns = [
                    batch.column(own[name]).cast(kind, safe=False) for name, kind in types.items()
                ]
                yield pa.record_batch(columns, names=list(types))
    except pa.ArrowException as error:
        raise TrackTableError(f"not a readable Parquet file: {error}") from error


def _csv_blocks(path: Path, header: Sequence[str], layout: Layout) -> Iterator[_Block]:
    for batch in _csv_batches(path, header, words=layout.words, numbers=layout.numbers):
        yield _block(batch, layout)


def _parquet_blocks(path: Path, header: Sequence[str], layout: Layout) -> Iterator[_Block]:
    for batch in _parquet_batches(path, header, words=layout.words, numbers=layout.numbers):
        yield _block(batch, layout)


def _block(batch: Any, layout: Layout) -> _Block:
    def numbers(name: str) -> NDArray[np.float64]:
        found: NDArray[np.float64] = batch.column(name).to_numpy(zero_copy_only=False)
        return found

    values = {}
    for source in ("points", "blendshapes", "action_units"):
        names = getattr(layout, source)
        table = np.empty((batch.num_rows, len(names)), np.float32)
        for place, name in enumerate(names):
            table[:, place] = numbers(name)
        values[source] = table
    roles = layout.names
    return _Block(
        values=values,
        numbers={r: numbers(name) for r, name in roles.items() if r not in ("clip", "face")},
        words={
            role: [word or "" for word in batch.column(roles[role]).to_pylist()]
            for role in ("clip", "face")
            if role in roles
        },
    )


def _joined(layout: Layout, blocks: Sequence[_Block]) -> ClipRows:
    shapes = {"points": len(layout.points), "blendshapes": len(layout.blendshapes)}
    shapes["action_units"] = len(layout.action_units)
    values = {
        name: np.concatenate([np.empty((0, width), np.float32), *(b.values[name] for b in blocks)])
        for name, width in shapes.items()
    }
    roles = [role for role in layout.names if role not in ("clip", "face")]
    faces = [word.strip() for block in blocks for word in block.words.get("face", ())]
    return ClipRows(
        layout=layout,
        landmarks=values["points"].reshape(-1, *layout.channels.shapes["landmarks"]),
        blendshapes=values["blendshapes"],
        action_units=values["action_units"],
        numbers={
            role: np.concatenate([np.empty(0), *(block.numbers[role] for block in blocks)])
            for role in roles
        },
        faces=np.unique(faces, return_inverse=True)[1].astype(np.int64)
        if "face" in layout.names
        else None,
    )


def _taken(rows: ClipRows, chosen: NDArray[np.int64]) -> ClipRows:
    return ClipRows(
        layout=rows.layout,
        landmarks=rows.landmarks[chosen],
        blendshapes=rows.blendshapes[chosen],
        action_units=rows.action_units[chosen],
        numbers={role: values[chosen] for role, values in rows.numbers.items()},
        faces=None if rows.faces is None else rows.faces[chosen],
    )
