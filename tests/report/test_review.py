"""Which clips the report shows for review, and the numbers about all of them."""

import pytest

from facewave.report.review import MAX_ROWS, example_clips, measures, review_clips
from tests.report.report_files import HOSTILE, report_clip


@pytest.mark.parametrize(
    ("clip_id", "reason"),
    [
        ("noface", "no face in any of 24 frames"),
        ("half", "face in 12 of 24 frames"),
        ("garbage", f"no video stream can be decoded {HOSTILE}"),
        ("gone", "the file is missing or cannot be read"),
        ("lost", "no face in any of 24 frames"),
    ],
)
def test_invalid_clip_is_listed_with_its_reason_and_file(page, clip_id, reason):
    [text] = [card.text for card in page.cards if card.clip == clip_id]
    assert reason in text
    assert f"{clip_id} <script" in text


def test_reasons_are_counted_by_kind(page):
    assert page.row("no face in any of … frames") == [["2", "16.7"]]
    assert page.row("valid") == [["7", "58.3"]]


def test_file_that_cannot_be_decoded_has_words_in_place_of_the_image(page):
    cards = {card.clip: card for card in page.cards if not card.images}
    assert cards.keys() == {"garbage", "gone"}
    assert "No image: no video stream can be decoded" in cards["garbage"].text
    assert "No image: the file is missing" in cards["gone"].text


def test_clip_with_a_note_is_worth_a_look(page):
    [card] = [card for card in page.cards if card.clip == "noted"]
    assert "variable frame rate" in card.text
    assert page.row("note: variable frame rate") == [["1", "8.3"]]


def test_images_are_limited_and_the_other_clips_listed(variant, folds):
    for page, limit in ((variant, 2), (folds[1], 0)):
        examples = 6
        assert len(page.cards) == limit + examples
        listed = {row[0] for row in page.rows if row[-1].endswith(".mp4")}
        shown = {card.clip for card in page.cards[:limit]}
        assert listed | shown == {"noface", "half", "garbage", "gone", "lost", "noted"}
        assert not listed & shown


def test_rare_reasons_are_not_hidden_behind_frequent_ones():
    many = [report_clip(i, reason=f"no face in any of {i} frames") for i in range(MAX_ROWS + 200)]
    review = review_clips([*many, report_clip("rare", reason="truncated")])
    assert review.n_invalid == MAX_ROWS + 201
    assert len(review.invalid) == MAX_ROWS
    assert review.invalid[0].clip_id == "crare"
    assert review.reasons == [("no face in any of … frames", MAX_ROWS + 200), ("truncated", 1)]


def test_shaky_and_gappy_valid_clips_are_worth_a_look_but_ordinary_ones_are_not():
    ordinary = [report_clip(i) for i in range(50)]
    shaky, gappy = (
        report_clip("shaky", jitter=0.09),
        report_clip("gap", coverage=0.92, detection_ratio=0.92, detected=92),
    )
    odd = review_clips([*ordinary, shaky, gappy]).odd
    assert {entry.clip.clip_id for entry in odd} == {"cshaky", "cgap"}
    assert "jitter 9.0 %" in next(e.why for e in odd if e.clip is shaky)


def test_what_may_show_something_else_is_worth_a_look_and_comes_first():
    noted = [report_clip(i, notes=f"a note of its own kind {'x' * i}") for i in range(40)]
    changed = report_clip("changed", changes=2)
    cut = report_clip("cut", cuts=1, changes=1)
    trimmed = report_clip("late", coverage=0.5, detected=50, trimmed_start=1.5, trimmed_end=0.5)
    little = report_clip("little", trimmed_start=0.4)
    odd = review_clips([*noted, little, trimmed, cut, changed]).odd
    assert [entry.clip.clip_id for entry in odd[:2]] == ["cchanged", "ccut"]
    assert odd[1].why == "changes of the face: 1; cuts: 1"
    odd = review_clips([little, trimmed]).odd
    assert [entry.clip for entry in odd] == [trimmed]
    assert odd[0].why == (
        "face in 50 of 100 frames, among the fewest of the valid clips; "
        "no face in the first 1.5 and the last 0.5 seconds, which are cut off"
    )


def test_notes_on_thousands_of_clips_give_a_few_rows():
    assert (
        len(review_clips([report_clip(i, notes="variable frame rate") for i in range(3000)]).odd)
        == 5
    )


def test_examples_are_of_different_classes_and_subjects():
    pool = [
        report_clip(i, label="happy" if i < 8 else f"class{i}", subject=f"s{i % 4}")
        for i in range(12)
    ]
    chosen = example_clips(pool, count=6)
    assert len({entry.label for entry in chosen}) == 5
    assert len({entry.subject for entry in chosen}) == 4


def test_detection_is_told_over_the_frames_that_count():
    whole, trimmed = (measures([report_clip(0)], trimmed=value)[1] for value in (False, True))
    assert whole.meaning == "percentage of the frames in which the face was found"
    assert "from the first to the last with the face, in which" in trimmed.meaning
