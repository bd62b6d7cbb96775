"""Which clips the report shows for review, and figures of odd values."""

import base64
import re

import numpy as np
import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.mlp.train import Epoch
from facewave.report import figures
from facewave.report.clips import ReportClip
from facewave.report.collect import CURVES
from facewave.report.review import MAX_ROWS, example_clips, measures, review_clips
from facewave.tracking.landmarker import blendshape_names


def clip(number, *, reason="", notes="", **changes):
    values = {
        "clip_id": f"c{number}",
        "file_path": f"c{number}.mp4",
        "label": "happy",
        "subject": None,
        "valid": not reason,
        "reason": reason,
        "frames": 100,
        "frames_announced": 100,
        "detected": 100,
        "detection_ratio": 1.0,
        "longest_gap": 0,
        "jitter": 0.01,
        "mean_abs_yaw": 2.0,
        "width": 64,
        "height": 48,
        "fps": 25.0,
        "max_faces_seen": 1,
        "notes": notes,
        "track_key": "t",
        "feature_key": "f",
    }
    return ReportClip(**(values | changes))


def test_rare_reasons_are_not_hidden_behind_frequent_ones():
    many = [clip(i, reason=f"no face in any of {i} frames") for i in range(MAX_ROWS + 200)]
    review = review_clips([*many, clip("rare", reason="truncated")])
    assert review.n_invalid == MAX_ROWS + 201
    assert len(review.invalid) == MAX_ROWS
    assert review.invalid[0].clip_id == "crare"
    assert review.reasons == [("no face in any of … frames", MAX_ROWS + 200), ("truncated", 1)]


def test_shaky_and_gappy_valid_clips_are_worth_a_look_but_ordinary_ones_are_not():
    ordinary = [clip(i) for i in range(50)]
    shaky, gappy = clip("shaky", jitter=0.09), clip("gap", detection_ratio=0.92, detected=92)
    odd = review_clips([*ordinary, shaky, gappy]).odd
    assert {entry.clip.clip_id for entry in odd} == {"cshaky", "cgap"}
    assert "jitter 9.0 %" in next(e.why for e in odd if e.clip is shaky)


def test_notes_on_thousands_of_clips_give_a_few_rows():
    assert len(review_clips([clip(i, notes="variable frame rate") for i in range(3000)]).odd) == 5


def test_examples_are_of_different_classes_and_subjects():
    pool = [
        clip(i, label="happy" if i < 8 else f"class{i}", subject=f"s{i % 4}") for i in range(12)
    ]
    chosen = example_clips(pool, count=6)
    assert len({entry.label for entry in chosen}) == 5
    assert len({entry.subject for entry in chosen}) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"jitter": float("nan"), "mean_abs_yaw": float("nan")},
        {"jitter": 0.0, "mean_abs_yaw": 0.0},
        {"frames": 1},
    ],
)
def test_distributions_may_be_degenerate(changes):
    for measure in measures([clip(0, **changes)]):
        if measure.values.size:
            assert figures.histogram(measure, limit=5).uri
        else:
            assert measure.quantiles is None


def test_wide_distributions_are_drawn_logarithmically():
    [frames, *_] = measures([clip(i, frames=10) for i in range(9)] + [clip(9, frames=90_000)])
    text = base64.b64decode(figures.histogram(frames).uri.partition(",")[2]).decode()
    assert re.search(r">1,?000<", text)
    assert "mathdefault" not in text


def test_class_names_of_any_kind_are_drawn_as_they_are():
    picture = figures.confusion(["怒り", "x" * 80, "$x_1$"], np.eye(3))
    text = base64.b64decode(picture.uri.partition(",")[2]).decode()
    assert "怒り" in text
    assert ">$x_1$<" in text
    assert "x" * 23 + "…" in text


def test_blendshape_names_are_those_of_the_model():
    assert list(BLENDSHAPES) == blendshape_names()


def test_curves_are_columns_of_the_training():
    assert set(CURVES) < set(Epoch.__dataclass_fields__)
