"""Bars and lines can be told from what is behind them."""

import pytest

from facewave.overlay.colours import CLASS_COLOURS, INK, PANEL, SOFT, WARN, class_colour, hex_colour

WHITE, DARK = (255, 255, 255), (20, 24, 31)


def contrast(one, other):
    """Return the contrast ratio of WCAG 2."""

    def light(colour):
        parts = [c / 255 for c in colour]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted([light(one), light(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", CLASS_COLOURS)
def test_classes_on_light_and_dark_paper(colour):
    assert min(contrast(colour, paper) for paper in (WHITE, DARK, PANEL)) >= 3


@pytest.mark.parametrize("colour", [INK, SOFT, WARN])
def test_text_on_the_panel(colour):
    assert contrast(colour, PANEL) >= 4.5


def test_names_of_colours():
    assert hex_colour((1, 160, 255)) == "#01a0ff"
    assert class_colour(0) == class_colour(len(CLASS_COLOURS))
    assert len(set(CLASS_COLOURS)) == len(CLASS_COLOURS)
