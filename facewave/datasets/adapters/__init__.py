"""The adapters: one file per kind of dataset, found by its name; `facewave.datasets` has a recipe.

An adapter turns label files into `Rows` and checks nothing that all datasets have in common. The
simplest to read first is `java_sed`; `dfew` and `mafw` read lists and workbooks.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from facewave.datasets.rows import Rows

ADAPTERS = tuple(sorted(module.name for module in iter_modules(__path__)))


class Adapter(Protocol):
    """What a module needs to be an adapter.

    For `check_dataset` it may also have a constant `RELEASE` (see `facewave.datasets.release`).
    """

    def load(self, options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
        """Return the rows as they stand in the label files.

        Args:
            options: of the dataset, as `facewave.config.check.dataset_config` returns them, with
                `seed` and `cache` (folder for what is slow to read; None: none)
            classes: the dataset's class list
            root: folder that the clips' paths are relative to

        Raises:
            ManifestError: there are no rows to read
        """


def adapter(name: str) -> Adapter:
    """Return the module of an adapter, imported now."""
    return cast(Adapter, import_module(f"{__name__}.{name}"))
