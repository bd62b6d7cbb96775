"""Datasets whose file names say everything: RAVDESS, CREMA-D, Java-SED."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from facewave.datasets.tree import Tree, walk
from facewave.manifest import ManifestError


def tree_of(root: Path, *, dataset: str, advice: str) -> Tree:
    """Look below a root.

    Raises:
        ManifestError: there is no such folder
    """
    try:
        return walk(root)
    except FileNotFoundError as error:
        raise ManifestError(dataset, [str(error)], advice=advice) from None


def named_clips(tree: Tree, pattern: re.Pattern[str]) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield the path and the fields of each video, or folder of frames, that is named so.

    Args:
        tree: of the root
        pattern: of the whole name without its suffix
    """
    for path in (*tree.videos, *tree.frame_folders):
        match = pattern.fullmatch(PurePosixPath(path).name.partition(".")[0])
        if match:
            yield path, match
