"""The page about the quality of a dataset, which needs no training."""

import pytest

from facewave.config.check import check_config
from facewave.report.quality_page import conditions, write_quality_page
from facewave.report.review import summary_line
from tests.report.report_files import HOSTILE, report_clip
from tests.report.report_page import Page


def written(clips, folder, *, store=None, **options):
    """Write the page and return it parsed."""
    known = check_config({})["quality"] | options
    html = folder / "quality.html"
    write_quality_page(
        clips, html=html, dataset="mine", options=known, store=store or folder, thumbnails=3
    )
    return Page(html.read_text(encoding="utf-8"))


def test_shows_what_the_report_shows(clips, artefacts, page, tmp_path):
    alone = written(list(clips.values()), tmp_path, store=artefacts.files.store)
    for name in ("valid", "no face in any of … frames"):
        assert alone.row(name) == page.row(name)
    assert {card.clip for card in alone.cards} >= {"noface", "half"}


@pytest.mark.parametrize("valid", [True, False])
def test_one_clip_of_one_class_is_enough(tmp_path, valid):
    clip = report_clip(
        "only", reason="" if valid else f"no face {HOSTILE}", track_key="", feature_key=""
    )
    found = written([clip], tmp_path)
    assert found.row("valid") == [["1", "100.0"] if valid else ["0", "0.0"]]


def test_sets_without_any_decoded_clip(tmp_path):
    clips = [
        report_clip(i, reason="the file is missing", frames=0, detected=0, track_key="")
        for i in range(4)
    ]
    assert written(clips, tmp_path).row("the file is missing") == [["4", "100.0"]]


def test_conditions_say_what_is_asked_and_no_more():
    defaults = check_config({})["quality"]
    words = conditions(defaults)
    assert "the face is found in at least 10 frames" in words
    assert any("from the first to the last one that shows it" in word for word in words)
    assert len(words) == 4
    asked = defaults | {"max_changes": 0, "min_coverage": 0.8, "max_gap_frames": None}
    words = conditions(asked)
    assert "the face is found in at least 80% of all frames" in words
    assert "it becomes another face at most 0 times" in words
    assert not any("in a row" in word for word in words)


def test_line_about_a_dataset():
    clips = [report_clip(i) for i in range(1200)]
    assert summary_line("mine", clips) == "mine: 1,200 clips, 1,200 valid"
    clips += [report_clip(f"a{i}", reason=f"no face in any of {i} frames") for i in range(3)]
    clips += [report_clip("b", reason="the file is missing")]
    assert summary_line("mine", clips) == (
        "mine: 1,204 clips, 1,200 valid, reasons: no face in any of … frames (3); "
        "the file is missing (1)"
    )


def test_line_cannot_steer_a_terminal():
    line = summary_line("mine", [report_clip(1, reason="bad \x1b[2J\nfile")])
    assert line == "mine: 1 clips, 0 valid, reasons: bad �[…J�file (1)"
