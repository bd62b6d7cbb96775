"""Artefacts of a dataset and pages made of them, once for all tests of the report."""

import pytest

from facewave.report.clips import read_clips
from facewave.report.page import report_content
from tests.report.report_files import build
from tests.report.report_page import write

FOLDS = ("fold-a", "fold-b", "fold-<c>")


@pytest.fixture(scope="session")
def artefacts(tmp_path_factory):
    """What a report is made of."""
    return build(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="session")
def written_report(artefacts, tmp_path_factory):
    """The report of `artefacts`: path, parsed page."""
    return write(artefacts, tmp_path_factory.mktemp("page"))


@pytest.fixture
def page(written_report):
    return written_report[1]


@pytest.fixture(scope="session")
def variant(artefacts, tmp_path_factory):
    """Another page: the demo's, two images, no commit known, and a subject in two parts."""
    mixed = {
        fold: {"train": parts["train"], "val": parts["train"], "test": parts["test"]}
        for fold, parts in artefacts.files.splits.items()
    }
    config = {"datasets": {"tiny": {"adapter": "demo"}}, "report": {"review_thumbnails": 2}}
    folder = tmp_path_factory.mktemp("variant")
    return write(artefacts, folder, config=config, commit=None, splits=mixed)[1]


@pytest.fixture(scope="session")
def folds(tmp_path_factory):
    """Artefacts and page of three folds, encoded as pyramids, without images to review."""
    folder = tmp_path_factory.mktemp("folds")
    made = build(folder / "artefacts", folds=FOLDS, layout="pyramid")
    return made, write(made, folder, config={"report": {"review_thumbnails": 0}})[1]


@pytest.fixture(scope="session")
def clips(artefacts):
    """The clips of `artefacts` by name."""
    files = artefacts.files
    found = read_clips(files.manifest, files.track_indexes, files.feature_indexes)
    return {clip.clip_id: clip for clip in found}


@pytest.fixture(scope="session")
def content(artefacts, clips):
    """What the templates show of `artefacts`."""
    return report_content(*artefacts, list(clips.values()))
