"""Codes of every layout behind one call: inverses and time scales."""

import numpy as np
import pytest

from facewave.features import wavelets


@pytest.mark.parametrize("layout", ["pyramid", "segments", "db2", "sym4", "uniform"])
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_a_full_code_is_decoded_without_error(layout, frames):
    clip = np.random.default_rng(5).normal(size=(frames, 5))
    code = wavelets.encode(clip, layout=layout, coefficients=frames)
    np.testing.assert_allclose(wavelets.decode(code, layout=layout, frames=frames), clip, atol=1e-9)


def test_a_full_dct_is_decoded_without_error():
    clip = np.random.default_rng(5).normal(size=(64, 3))
    code = wavelets.encode(clip, layout="dct", coefficients=64)
    np.testing.assert_allclose(wavelets.decode(code, layout="dct", frames=64), clip, atol=1e-9)


@pytest.mark.parametrize("layout", wavelets.LAYOUTS)
@pytest.mark.parametrize("coefficients", [1, 3, 10])
@pytest.mark.parametrize("frames", [1, 7, 50])
def test_constants_come_back(layout, coefficients, frames):
    if layout == "paper":
        pytest.skip("the zero padding is in the code")
    clip = np.full((frames, 2), 3.5)
    code = wavelets.encode(clip, layout=layout, coefficients=coefficients)
    assert len(code) == wavelets.count_rows(layout, coefficients)
    rebuilt = wavelets.decode(code, layout=layout, frames=frames)
    np.testing.assert_allclose(rebuilt, clip, atol=1e-9)


def test_uniform_draws_straight_lines():
    clip = np.arange(9.0)[:, np.newaxis] ** 2
    code = wavelets.encode(clip, layout="uniform", coefficients=3)
    assert code.ravel().tolist() == [0, 16, 64]
    rebuilt = wavelets.decode(code, layout="uniform", frames=9)
    assert rebuilt.ravel().tolist() == [0, 4, 8, 12, 16, 28, 40, 52, 64]


@pytest.mark.parametrize("layout", wavelets.LAYOUTS)
@pytest.mark.parametrize("coefficients", [1, 2, 10, 16])
def test_bands_cover_the_code_once(layout, coefficients):
    bands = wavelets.code_bands(layout, coefficients)
    rows = [row for _, band in bands for row in range(coefficients)[band]]
    assert rows == list(range(wavelets.count_rows(layout, coefficients)))
    assert bands[0][0] == "approximation"


def test_bands_of_a_pyramid_are_its_levels():
    bands = {name: (band.start, band.stop) for name, band in wavelets.code_bands("pyramid", 10)}
    assert bands == {
        "approximation": (0, 1),
        "details 1": (1, 2),
        "details 2": (2, 4),
        "details 3": (4, 8),
        "details 4": (8, 10),
    }
