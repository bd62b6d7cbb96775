"""The adapters by name: which module reads which kind of label files."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from facewave.datasets.rows import Rows
from facewave.messages import did_you_mean, listed

ADAPTERS = {
    "demo": "facewave.datasets.adapters.demo",
    "table": "facewave.datasets.adapters.table",
    "folders": "facewave.datasets.adapters.folders",
    "dfew": "facewave.datasets.adapters.dfew",
    "mafw": "facewave.datasets.adapters.mafw",
    "ferv39k": "facewave.datasets.adapters.ferv39k",
    "ravdess": "facewave.datasets.adapters.ravdess",
    "crema_d": "facewave.datasets.adapters.crema_d",
    "java_sed": "facewave.datasets.adapters.java_sed",
    "raw_dfew_csv": "facewave.datasets.adapters.raw_dfew_csv",
    "own": "facewave.datasets.adapters.own",
    "joint": "facewave.datasets.joint",
}


class Adapter(Protocol):
    """What a module needs to be an adapter."""

    def label_files(self, options: dict[str, Any]) -> list[Path]:
        """Return the files that decide whether the clips are stale; they need not exist."""

    def load(self, options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
        """Return the rows of the label files."""


def adapter(name: str) -> Adapter:
    """Return the adapter's module, imported now.

    Raises:
        ValueError: there is no such adapter
    """
    if name not in ADAPTERS:
        hint = did_you_mean(name, ADAPTERS)
        raise ValueError(f"adapter {name!r}: expected one of {listed(ADAPTERS)}{hint}")
    return cast(Adapter, import_module(ADAPTERS[name]))


def label_files(options: Mapping[str, Any]) -> list[Path]:
    """Return the files whose change makes a dataset's clips stale; they need not exist.

    Args:
        options: of the dataset, as `facewave.config.check.dataset_config` returns them
    """
    try:
        return adapter(options["adapter"]).label_files(dict(options))
    except FileNotFoundError:
        return []  # the root is still to come
