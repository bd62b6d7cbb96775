"""Datasets: one module (adapter) a kind of label files, one way to their clips.

An adapter has two functions:

    label_files(options) -> list[Path]
        the files whose change makes the clips stale; none for a dataset made by recipe
    load(options, *, classes, root) -> Rows
        the rows as they stand in those files; raises ManifestError where there are none to read

`load_clips` checks the rows of all adapters alike. To add an adapter: its module here, its name in
`ADAPTERS`, its options in schemas/config.schema.yaml.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

from facewave.datasets.rows import Rows, build_clips
from facewave.hints import did_you_mean, listed
from facewave.manifest import Clip, ManifestError

__all__ = ["ADAPTERS", "Adapter", "Rows", "adapter", "label_files", "load_clips"]

ADAPTERS = {
    "demo": "facewave.datasets.demo_adapter",
    "table": "facewave.datasets.table",
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
        options: of the dataset, as `facewave.config.dataset_config` returns them
    """
    return adapter(options["adapter"]).label_files(dict(options))


def load_clips(
    name: str,
    options: Mapping[str, Any],
    *,
    classes: Sequence[str],
    seed: int,
    demo_root: Path,
    check_files: bool = True,
) -> list[Clip]:
    """Read and check the clips of a dataset.

    Args:
        name: of the dataset, for messages
        options: of the dataset, as `facewave.config.dataset_config` returns them
        classes: the dataset's class list
        seed: part of the recipe of clips that the workflow makes
        demo_root: folder of the clips that the workflow makes
        check_files: whether to look for every file; False where the caller does so anyway. Then
            no clip is `missing`, and a file that is itself a symbolic link is not followed.

    Returns:
        the clips in the order of the label files

    Raises:
        ManifestError: naming all rows that cannot be used, of all kinds at once
    """
    root = Path(options["root"]).expanduser() if "root" in options else Path(demo_root)
    module = adapter(options["adapter"])
    try:
        rows = module.load({**options, "seed": seed}, classes=list(classes), root=root)
        return build_clips(
            rows,
            classes=classes,
            root=root,
            label_names=options.get("label_names"),
            flag_missing=options.get("missing_files") == "flag",
            check_files=check_files,
        )
    except ManifestError as error:
        what = f"dataset {name}, {error.what}"
        raise ManifestError(what, error.problems, advice=error.advice) from None
