"""The tables of points, and edges that are kept apart."""

import numpy as np

from facewave.demo.expressions import MIDLINE, PAIRS, RELAX, TRAITS, UNITS
from facewave.demo.points import part_edges, portrait_points
from facewave.demo.recipe import ACTION_UNITS


def test_tables_name_only_points_that_exist() -> None:
    for shifts in (RELAX, *UNITS.values(), *TRAITS.values()):
        assert set(shifts) <= MIDLINE.keys() | PAIRS.keys()
        assert all(outward == 0 for name, (outward, _) in shifts.items() if name in MIDLINE)
    assert {unit for units in ACTION_UNITS.values() for unit in units} <= UNITS.keys()


def test_parting_edges_leaves_a_resting_face_alone() -> None:
    points = portrait_points()
    np.testing.assert_array_equal(part_edges(points), points)
