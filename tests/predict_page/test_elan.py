"""Files for ELAN, read by pympi and held against the structure of EAF 3.0."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pympi
import pytest

from facewave.overlay.timeline import read_timelines
from facewave.predict_page.elan import joined, lost, write_elan
from tests.overlay.overlay_files import timeline_text

ROWS = [
    ("v", "primary", 0.0, 4.0, "sad", (0.1, 0.2, 0.7), "sad|angry", "yes"),
    ("v", "primary", 1.0, 5.0, "sad", (0.1, 0.2, 0.7), "sad", "yes"),
    ("v", "primary", 2.0, 6.0, "", ("", "", ""), "", "no"),
    ("v", "primary", 3.0, 7.0, "sad", (0.1, 0.2, 0.7), "sad", "no"),
]
# Middles at 2, 3, 4 and 5 s.
EXPECTED = {
    "answer": [(0, 3500, "sad"), (4500, 7000, "sad")],
    "prediction set": [(0, 2500, "sad, angry"), (2500, 3500, "sad"), (4500, 7000, "sad")],
    "trusted": [(0, 3500, "yes"), (3500, 7000, "no")],
    "face lost": [(0, 500, "face lost"), (5000, 7000, "face lost")],
}


@pytest.fixture
def timelines(tmp_path):
    def read(rows):
        (tmp_path / "timeline.csv").write_text(timeline_text(rows), encoding="utf-8")
        return read_timelines(tmp_path / "timeline.csv")["v"]

    return read


def write(folder, timelines):
    path = folder / "elan/v.eaf"
    media = folder / "overlays/my video.mp4"
    write_elan(path, timelines, found=[[0.5, 5.0]], seconds=7.0, media=media)
    return path


def test_another_program_reads_the_tiers(tmp_path, timelines):
    read = pympi.Elan.Eaf(str(write(tmp_path, timelines(ROWS))))
    assert list(read.get_tier_names()) == list(EXPECTED)
    for tier, annotations in EXPECTED.items():
        assert sorted(read.get_annotation_data_for_tier(tier)) == annotations
    (media,) = read.media_descriptors
    assert media["RELATIVE_MEDIA_URL"] == "../overlays/my%20video.mp4"
    assert media["MIME_TYPE"] == "video/mp4"


def test_structure_is_that_of_the_format(tmp_path, timelines):
    root = ET.parse(write(tmp_path, timelines(ROWS))).getroot()
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    kinds = [child.tag for child in root]
    assert kinds == ["HEADER", "TIME_ORDER", *["TIER"] * 4, "LINGUISTIC_TYPE"]
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root[1]}
    assert list(slots.values()) == sorted(set(slots.values()))
    ids = [each.get("ANNOTATION_ID") for each in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(ids)) == len(ids) == 9
    types = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    for tier in root.iter("TIER"):
        assert tier.get("LINGUISTIC_TYPE_REF") in types
        last = 0
        for each in tier.iter("ALIGNABLE_ANNOTATION"):
            start, end = slots[each.get("TIME_SLOT_REF1")], slots[each.get("TIME_SLOT_REF2")]
            assert last <= start < end
            last = end


def test_nothing_depends_on_when_and_where_it_was_written(tmp_path, timelines):
    one = write(tmp_path / "here", timelines(ROWS)).read_bytes()
    other = write(tmp_path / "there", timelines(ROWS)).read_bytes()
    assert one == other
    assert str(Path.home()) not in one.decode()


def test_tiers_of_several_persons_have_their_names(tmp_path, timelines):
    other = [(video, "2\x00<", *rest) for video, _, *rest in ROWS]
    read = pympi.Elan.Eaf(str(write(tmp_path, timelines(ROWS + other))))
    assert set(read.get_tier_names()) >= {"answer of primary", "answer of 2\ufffd<"}


def test_a_video_without_answers_has_its_lost_face_alone(tmp_path):
    read = pympi.Elan.Eaf(str(write(tmp_path, [])))
    assert list(read.get_tier_names()) == ["face lost"]


def test_spans(timelines):
    (timeline,) = timelines(ROWS)
    assert joined(timeline, timeline.answers) == EXPECTED["answer"]
    assert lost([], seconds=2) == [(0, 2000, "face lost")]
    assert lost([[0, 2]], seconds=2) == []
