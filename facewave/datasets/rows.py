"""What an adapter returns: the rows of label files, gathered column by column or one by one."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from facewave.datasets.files.paths import Problems
from facewave.manifest.class_lists import canonical

# What the parts of a dataset are called, in folders and in tables, without letter case.
SPLIT_WORDS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "devel": "val", "development": "val", "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as a dataset's label files have them, column by column.

    Attributes:
        source: name of the file or files, for messages
        columns: lists of equal length; `file_path` and `label` are required, `clip_id`,
            `subject`, `take`, `fold`, `split`, `text`, `fps_hint`, `source`, `scene`,
            `label_distribution` (one number per class, or text with these numbers), `targets` (a
            mapping of names to numbers, or to text with a number), `fingerprint` and `table` (how
            a table of landmarks is read) are optional.
            Other cells are text or numbers; None and blank text are null.
        place: returns where the row of an index stands, such as `labels.csv line 17`
        problems: what the adapter itself found wrong, as (index, message); index -1 if it
            concerns no single row
        notes: what the user should know, such as how many clips were left out and why
    """

    source: str
    columns: Mapping[str, list[Any]]
    place: Callable[[int], str]
    problems: Problems = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class Collector:
    """The rows of a dataset while its label files are read.

    A label is first looked up in the option `class_map`, then among the classes, by meaning
    (`Happiness` is `happy`). A clip whose label the dataset is known to use, but which is not in
    the class list, is left out and counted; an unknown label is an error of its row.
    """

    def __init__(
        self, classes: Sequence[str], options: Mapping[str, Any], *, known: Iterable[str] = ()
    ) -> None:
        """Take the class list, the dataset's options and the words that its labels may be."""
        self._classes = {canonical(name): index for index, name in enumerate(classes)}
        self._names = list(classes)
        mapped = options.get("class_map") or {}
        self._map = {canonical(word): name for word, name in mapped.items()}
        self._known = {canonical(word) for word in known}
        self._meaning: dict[str, str | None] = {}
        self._columns: dict[str, list[Any]] = {}
        self._places: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._problems: list[tuple[int, str]] = []
        self._notes: list[str] = []

    def __len__(self) -> int:
        """Return the number of rows so far."""
        return len(self._places)

    def add(
        self,
        place: str,
        *,
        file_path: str,
        word: str,
        votes: Mapping[str, float] | None = None,
        **cells: str | float | None,
    ) -> None:
        """Add a clip, unless its class is left out.

        Args:
            place: where the row stands, such as `set_1.csv line 17`
            file_path: relative to the root
            word: the label, as the dataset writes it
            votes: votes or probabilities by the words of the classes
            cells: further columns of `Rows`
        """
        label = self.class_of(word)
        if label is None:
            if canonical(word) in self._map or canonical(word) in self._known:
                self.leave_out(f"labelled {word}, which is not in the class list")
                return
            label = word  # `build_clips` says what is wrong with it
        row = {
            "file_path": file_path,
            "label": label,
            "label_distribution": self._distribution(votes),
            **cells,
        }
        for name in row.keys() - self._columns.keys():
            self._columns[name] = [None] * len(self._places)
        for name, column in self._columns.items():
            column.append(row.get(name))
        self._places.append(place)

    def class_of(self, word: str) -> str | None:
        """Return the class that a label means; None if it is not in the class list."""
        if word not in self._meaning:
            self._meaning[word] = self._look_up(word)
        return self._meaning[word]

    def _look_up(self, word: str) -> str | None:
        plain = canonical(word)
        if plain in self._map:
            name = self._map[plain]
            if name is None:
                return None
            plain = canonical(name)
        index = self._classes.get(plain)
        return None if index is None else self._names[index]

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count clips that are not used, and why."""
        self._left_out[reason] += count

    def note(self, text: str) -> None:
        """Add a note about the dataset for the user."""
        self._notes.append(text)

    def notes(self, texts: Iterable[str]) -> None:
        """Add several notes."""
        self._notes.extend(texts)

    def problem(self, text: str) -> None:
        """Add an error that concerns no single row, or a row that was not added."""
        self._problems.append((-1, text))

    def rows(self, source: str) -> Rows:
        """Return the rows; `source` names the label files."""
        columns = {
            name: column
            for name, column in self._columns.items()
            if name in ("file_path", "label") or any(cell is not None for cell in column)
        }
        places = self._places
        left_out = [f"left out: {count:,} clips {why}" for why, count in self._left_out.items()]
        return Rows(
            source=source,
            columns={"file_path": [], "label": []} | columns,
            place=lambda index: places[index],
            problems=self._problems,
            notes=self._notes + left_out,
        )

    def _distribution(self, votes: Mapping[str, float] | None) -> tuple[float, ...] | None:
        if votes is None:
            return None
        counts = dict.fromkeys(self._names, 0.0)
        for word, count in votes.items():
            name = self.class_of(word)
            if name is not None:
                counts[name] += count
        return tuple(counts.values()) if any(counts.values()) else None
