"""Colours of classes and lines: the same in overlays, on light pages and on dark ones."""

from __future__ import annotations

Colour = tuple[int, int, int]

# Each has a contrast of at least 3:1 to the light and the dark paper of the pages and to the panel.
CLASS_COLOURS: tuple[Colour, ...] = (
    (59, 130, 196),
    (214, 105, 20),
    (46, 150, 96),
    (214, 69, 80),
    (143, 99, 210),
    (160, 113, 74),
    (205, 84, 150),
    (26, 148, 162),
    (138, 138, 31),
    (112, 128, 144),
)

# Of an overlay: behind the bars, and text on it.
PANEL: Colour = (20, 24, 31)
INK: Colour = (232, 237, 243)
SOFT: Colour = (154, 165, 177)
TROUGH: Colour = (48, 57, 70)
WARN: Colour = (240, 178, 107)


def class_colour(index: int) -> Colour:
    """Return the colour of a class by its place among the classes; after ten they come again."""
    return CLASS_COLOURS[index % len(CLASS_COLOURS)]


def hex_colour(colour: Colour) -> str:
    """Return a colour as CSS writes it, `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*colour)
