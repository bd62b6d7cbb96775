"""Where a dataset's files lie now: its tables name them relative to the dataset's root.

Key files, indexes, manifests and splits say `clips/a.mp4` wherever the root is, and
`dfew/clips/a.mp4` for the member `dfew` of a joint dataset: a dataset that was moved is the same to
every job. Where the roots are stands in `keys/roots.json`, which the main process writes whenever
the workflow starts and which is no job's input.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

FILE = "roots.json"


class DatasetRoot(NamedTuple):
    """The folder that the paths of some clips are relative to.

    Attributes:
        prefix: what is put before a path to open it: the folder and a slash, or nothing.
        name: what tables put before it: nothing, or a joint dataset's member and a slash.
    """

    prefix: str
    name: str = ""


def relative_path(file_path: str, root: DatasetRoot | None) -> str:
    """Return a path as tables name it; without a root it stays."""
    return file_path if root is None else root.name + file_path.removeprefix(root.prefix)


def roots_text(roots: Mapping[str, str]) -> str:
    """Return the content of `keys/roots.json`."""
    return json.dumps(roots, sort_keys=True, indent=1) + "\n"


def prefixes(roots: Iterable[DatasetRoot | None]) -> dict[str, str]:
    """Return the prefixes of distinct roots by their names."""
    return {root.name: root.prefix for root in set(roots) if root is not None}


class Located:
    """Finds the files that a dataset's tables name."""

    def __init__(self, prefixes: Mapping[str, str]) -> None:
        """Take the prefix of each root by its name, as in `DatasetRoot`; paths without one stay."""
        roots = (DatasetRoot(prefix, name) for name, prefix in prefixes.items())
        self._roots = sorted(roots, key=lambda root: len(root.name), reverse=True)

    @classmethod
    def of(cls, folder: Path) -> Located:
        """Read where the roots of a dataset are.

        Args:
            folder: the dataset's results folder.
        """
        try:
            text = (folder / "keys" / FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls({})  # files that were not made by a run, whose paths are as they are
        return cls(json.loads(text))

    def root(self, path: str) -> DatasetRoot | None:
        """Return the root of a path in a table; None if it is not known."""
        return next((root for root in self._roots if path.startswith(root.name)), None)

    def path(self, path: str) -> str:
        """Return a path in a table as it is to be opened."""
        root = self.root(path)
        return path if root is None else root.prefix + path.removeprefix(root.name)
