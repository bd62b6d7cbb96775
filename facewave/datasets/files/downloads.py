"""The tree of a release that is downloaded: what is there, and what will be."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.datasets.files.tree import Tree, tree_of
from facewave.downloads.release import downloaded, missing_parts, open_release
from facewave.natural_order import natural_key


def released_tree(
    root: Path, *, dataset: str, advice: str, options: Mapping[str, Any]
) -> tuple[Tree, Mapping[str, str]]:
    """Return what lies below a root, with the clips that are still to be downloaded.

    Args:
        root: the folder; with `download` it need not exist yet
        dataset: name of the dataset, for messages
        advice: what to do if there is no such folder
        options: of the dataset: `download` (None: nothing is), `actors`, `follow_links`

    Returns:
        the tree, and the fingerprints of the clips that were or will be downloaded, by path: they
        are the same before and after it. A clip that someone else put there has none.

    Raises:
        ManifestError: there is no such folder, or a link to a folder leads out of it
    """
    if options.get("download") is None:
        return tree_of(root, dataset=dataset, advice=advice, options=options), {}
    tree = Tree(root, (), (), ())
    if root.is_dir():
        tree = tree_of(root, dataset=dataset, advice=advice, options=options)
    release = open_release(options)
    missing = missing_parts(release, tree.videos)
    wanted = {clip: part.fingerprint(clip) for part in missing for clip in part.clips}
    videos = tuple(sorted({*tree.videos, *wanted}, key=natural_key))
    return replace(tree, videos=videos), wanted | dict(downloaded(root, release.parts))
