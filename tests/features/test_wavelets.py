"""Codes of every layout behind one call: inverses and time scales."""

import numpy as np
import pytest
import pywt

from facewave.features import haar, wavelets


def noise(frames, columns=3, seed=0):
    return np.random.default_rng(seed).normal(size=(frames, columns)).astype(np.float32)


@pytest.mark.parametrize("layout", haar.LAYOUTS)
def test_haar_passes_through(layout):
    values = noise(50)
    expected = haar.encode(values, layout=layout, coefficients=10)
    np.testing.assert_array_equal(wavelets.encode(values, layout=layout, coefficients=10), expected)


@pytest.mark.parametrize("layout", wavelets.LAYOUTS)
@pytest.mark.parametrize("frames", [1, 9, 64, 211])
@pytest.mark.parametrize("coefficients", [1, 10, 32])
def test_shape_whatever_the_length(layout, frames, coefficients):
    code = wavelets.encode(noise(frames), layout=layout, coefficients=coefficients)
    assert code.shape == (wavelets.count_rows(layout, coefficients), 3)
    assert np.isfinite(code).all()


@pytest.mark.parametrize("layout", wavelets.WAVELETS)
def test_other_wavelets_keep_the_energy_and_their_order(layout):
    values = noise(64)
    code = wavelets.encode(values, layout=layout, coefficients=64)
    np.testing.assert_allclose(
        np.square(code).sum(axis=0), np.square(values).sum(axis=0), rtol=1e-4
    )
    level = pywt.dwt_max_level(64, pywt.Wavelet(layout).dec_len)
    bands = pywt.wavedec(values, layout, mode="periodization", level=level, axis=0)
    np.testing.assert_allclose(code, np.concatenate(bands), atol=1e-5)


def test_mean_and_uniform():
    ramp = np.arange(21.0)[:, None]
    assert wavelets.encode(ramp, layout="mean", coefficients=10).tolist() == [[10]]
    frames = wavelets.encode(ramp, layout="uniform", coefficients=5)
    assert frames.ravel().tolist() == [0, 5, 10, 15, 20]


def test_dct_of_a_constant_is_its_first_coefficient():
    code = wavelets.encode(np.full((30, 1), 2.0), layout="dct", coefficients=10)
    np.testing.assert_allclose(code[:, 0], [16, *[0] * 9], atol=1e-9)


def test_an_unknown_layout():
    with pytest.raises(ValueError, match="layout"):
        wavelets.encode(noise(9), layout="symlet", coefficients=4)


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
