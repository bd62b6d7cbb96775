"""Rows and clips for the tests of datasets."""

import pytest

from facewave.datasets.build_clips import build_clips
from facewave.datasets.rows import Rows
from facewave.manifest.clips import ManifestError

CLASSES = ["neutral", "happy", "sad"]


def make_root(folder):
    """Make a root with three files, one of them in a folder, and a folder of frames."""
    root = folder / "root"
    (root / "a").mkdir(parents=True)
    (root / "frames").mkdir()
    for name in ("x.mp4", "y.mp4", "a/x.mp4"):
        (root / name).touch()
    return root


def clips(root, columns, **options):
    """Build clips of columns; `file_path` and `label` are made up where they are not given."""
    count = len(next(iter(columns.values())))
    columns = {
        "file_path": [f"c{i}.mp4" for i in range(count)],
        "label": ["happy"] * count,
        **columns,
    }
    rows = Rows(source="t.csv", columns=columns, place=lambda i: f"line {i + 2}")
    return build_clips(rows, classes=CLASSES, root=root, **options)


def unlooked(root, columns, **options):
    """Build clips without looking for their files."""
    return clips(root, columns, check_files=False, **options)


def problems(root, columns, **options):
    """Return the problems that the columns have."""
    with pytest.raises(ManifestError) as error:
        clips(root, columns, **options)
    return error.value.problems
