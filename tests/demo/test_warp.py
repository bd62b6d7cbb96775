"""Splines between sets of points."""

import numpy as np

from facewave.demo.warp import cell_centres, spline_shifts


def test_a_spline_goes_through_its_points_and_is_still_outside() -> None:
    at = np.array([[0.4, 0.5], [0.5, 0.4], [0.6, 0.6]])
    to = at + np.array([[0.02, 0.0], [0.0, -0.01], [0.01, 0.02]])
    still = (0.5, 0.5, 0.4, 0.3)
    found = spline_shifts(at, to, at[None].astype(np.float32), still)
    np.testing.assert_allclose(found[0], to - at, atol=1e-5)
    places = cell_centres(40, 0.0, 1.0)
    outside = np.hypot((places[..., 0] - 0.5) / 0.4, (places[..., 1] - 0.5) / 0.3) >= 1
    assert not spline_shifts(at, to, places, still)[outside].any()
