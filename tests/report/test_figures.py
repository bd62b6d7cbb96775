"""Figures of odd values and names."""

import base64
import re

import numpy as np
import pytest

from facewave.report import figures
from facewave.report.review import measures
from tests.report.report_files import report_clip


@pytest.mark.parametrize(
    "changes",
    [
        {"jitter": float("nan"), "mean_abs_yaw": float("nan")},
        {"jitter": 0.0, "mean_abs_yaw": 0.0},
        {"frames": 1},
    ],
)
def test_distributions_may_be_degenerate(changes):
    for measure in measures([report_clip(0, **changes)]):
        if measure.values.size:
            assert figures.histogram(measure, limit=5).uri
        else:
            assert measure.quantiles is None


def test_wide_distributions_are_drawn_logarithmically():
    [frames, *_] = measures(
        [report_clip(i, frames=10) for i in range(9)] + [report_clip(9, frames=90_000)]
    )
    text = base64.b64decode(figures.histogram(frames).uri.partition(",")[2]).decode()
    assert re.search(r">1,?000<", text)
    assert "mathdefault" not in text


def test_class_names_of_any_kind_are_drawn_as_they_are():
    picture = figures.confusion(["怒り", "x" * 80, "$x_1$"], np.eye(3))
    text = base64.b64decode(picture.uri.partition(",")[2]).decode()
    assert "怒り" in text
    assert ">$x_1$<" in text
    assert "x" * 23 + "…" in text
