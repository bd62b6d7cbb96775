"""The pages as text: what is escaped, what is said of each video, what goes away again."""

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from facewave.predict_page.write import clock, moment, write_pages
from facewave.storage.store import DroppedIndexError, shard_path
from tests.predict_page.run_files import HOSTILE, KEYS


class Parsed(HTMLParser):
    """Elements with their attributes, and the text of all of them."""

    def __init__(self, path):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def run(run_files, tmp_path):
    """A copy of the run, to change."""
    folder = tmp_path / "run"
    before = run_files.predictions.parent
    shutil.copytree(before, folder)
    there = {
        name: folder / getattr(run_files, name).relative_to(before)
        for name in ("predictions", "timeline", "summary", "store")
    }
    lists = {
        name: [folder / path.relative_to(before) for path in getattr(run_files, name)]
        for name in ("tracks", "overlays")
    }
    return folder, replace(run_files, **there, **lists)


def test_pages_hold_nothing_but_what_is_beside_them(run_files):
    folder = run_files.predictions.parent
    for path in (folder / "index.html", folder / "videos/first.html"):
        page = Parsed(path)
        named = [part.get(key) for _, part in page.elements for key in ("src", "href", "action")]
        for link in filter(None, named):
            assert (path.parent / link).exists(), link
        assert "://" not in path.read_text(encoding="utf-8")
        # One script of the package, and one with data: what names hold is text.
        assert len(page.all("script")) == (2 if "videos" in path.parts else 1)
        assert not page.all("b")


def test_hostile_names_are_shown_as_they_are(run_files):
    texts = Parsed(run_files.predictions.parent / "index.html").texts
    assert "happy" + HOSTILE in texts
    assert f"no video {HOSTILE}" in texts


def test_every_video_has_a_row_and_one_that_was_read_a_page(run_files):
    folder = run_files.predictions.parent
    page = Parsed(folder / "index.html")
    rows = [row for row in page.all("tr") if "data-order" in row]
    assert [row["data-answer"] for row in rows] == ["angry", "happy" + HOSTILE, ""]
    assert [float(row["data-coverage"]) for row in rows] == [0.8, 0.9, 0]
    assert float(rows[0]["data-trust"]) > float(rows[1]["data-trust"]) > 0
    assert sorted(path.name for path in (folder / "videos").glob("*.html")) == [
        "first.html",
        "second.html",
    ]
    links = [part["href"] for part in page.all("a")]
    assert links[:2] == ["videos/first.html", "videos/second.html"]
    assert len(page.all("img")) == 2


def test_equal_input_gives_equal_bytes(run):
    folder, files = run
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_pages(files, html=folder / "index.html")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_belongs_to_videos_that_are_gone_is_removed(run):
    folder, files = run
    for table in (files.predictions, files.timeline):
        # Not `splitlines`, which knows more ends of lines than a table does.
        lines = table.read_text(encoding="utf-8").split("\n")
        kept = [line for line in lines if not line.startswith("second,")]
        table.write_text("\n".join(kept), encoding="utf-8")
    index = files.overlays[0]
    # Without its digest, which would no longer fit.
    index.write_text(re.sub(r"^(second|#).*\n", "", index.read_text(), flags=re.MULTILINE))
    write_pages(files, html=folder / "index.html")
    left = sorted(
        str(path.relative_to(folder))
        for kind in ("videos/*", "elan/*", "overlays/*.mp4")
        for path in folder.glob(kind)
    )
    assert left == ["elan/first.eaf", "overlays/first.mp4", "videos/first.html", "videos/first.jpg"]


def test_without_overlays_there_is_a_sentence(run):
    folder, files = run
    write_pages(replace(files, overlays=[]), html=folder / "index.html")
    page = Parsed(folder / "videos/first.html")
    assert not page.all("video")
    assert "No overlay was drawn (predict.overlay)." in page.texts


def test_a_damaged_trajectory_drops_its_index(run):
    folder, files = run
    shard = shard_path(files.store, "tracks", KEYS["second"])
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DroppedIndexError):
        write_pages(files, html=folder / "index.html")
    assert not files.tracks[0].exists()


@pytest.mark.parametrize(
    ("seconds", "as_moment", "as_clock"),
    [
        (0, "0:00.0", "0:00"),
        (12.34, "0:12.3", "0:12"),
        (59.97, "1:00.0", "1:00"),
        (3723.4, "1:02:03.4", "1:02:03"),
    ],
)
def test_times(seconds, as_moment, as_clock):
    assert (moment(seconds), clock(seconds)) == (as_moment, as_clock)
