"""The report's page fetches and runs nothing, and shows names as they are."""

import base64
import re

import pytest

from tests.report.report_files import CLASSES, HOSTILE

# Tags of which none fetches or runs anything; `img` and `a` are looked at more closely.
TAGS = re.compile(
    "a|bdi|body|br|code|dd|details|div|dl|dt|figcaption|figure|h1|h2|h3|head|header|html|img|li|"
    "main|meta|nav|p|pre|section|small|span|strong|style|summary|table|tbody|td|th|thead|title|tr|ul"
)


@pytest.fixture
def page(written_report):
    return written_report[1]


def test_page_fetches_and_runs_nothing(page):
    for tag, attributes in page.tags:
        assert TAGS.fullmatch(tag)
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if "src" in attributes:
            assert attributes["src"].startswith(("data:image/jpeg;base64,", "data:image/svg+xml"))
        if "href" in attributes:
            assert (tag, attributes["href"][0]) == ("a", "#")


def test_links_of_the_page_lead_somewhere(page):
    targets = {attributes.get("id") for _, attributes in page.tags}
    links = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert links
    assert links <= targets


def test_figures_are_whole_and_refer_to_nothing_outside(page):
    images = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    drawings = [
        base64.b64decode(src.partition(",")[2]).decode() for src in images if "svg" in src[:20]
    ]
    assert len(drawings) == 1 + 5 + 6 + 2 + 1
    for drawing in drawings:
        assert re.findall(r'href="(?!#|data:)', drawing) == []
        assert "@import" not in drawing
        assert drawing.rstrip().endswith("</svg>")
        assert "<script" not in drawing


def test_every_picture_says_what_it_shows(page):
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_hostile_names_are_shown_as_text(written_report, page):
    raw = written_report[0].read_text(encoding="utf-8")
    assert HOSTILE not in raw
    assert HOSTILE in page.text
    assert page.row(CLASSES[1])[0][0] == "5"


def test_policy_forbids_what_autoescape_might_miss(page):
    policy = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
