"""The Haar decomposition against PyWavelets, known values, and what is refused."""

import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from facewave.features.haar import LAYOUTS, decode, decompose, encode, reconstruct
from tests.features.haar_oracles import SHAPES, SQRT2, clips, quick, random_clip


class TestDecompose:
    @pytest.mark.parametrize("length", [2, 4, 64, 1024])
    @pytest.mark.parametrize("mode", ["periodization", "symmetric"])
    def test_equals_pywavelets(self, length, mode):
        clip = random_clip(length, 5)
        expected = np.concatenate(pywt.wavedec(clip, "haar", mode=mode, axis=0))
        np.testing.assert_allclose(decompose(clip), expected, rtol=0, atol=1e-12)

    def test_hand_computed(self):
        expected = [10.5, (6 - 15) / 2, (2 - 4) / SQRT2, (5 - 10) / SQRT2]
        np.testing.assert_allclose(decompose([2.0, 4.0, 5.0, 10.0]), expected, rtol=1e-15)

    def test_one_frame_is_its_own_approximation(self):
        np.testing.assert_array_equal(decompose([[3.0, -2.0]]), [[3.0, -2.0]])

    def test_details_of_a_constant_are_exactly_zero(self):
        coefficients = decompose(np.full(64, 0.1))
        assert coefficients[0] == pytest.approx(0.8)
        assert not coefficients[1:].any()

    @quick
    @given(clip=clips(length=st.sampled_from([1, 2, 8, 32])))
    def test_preserves_energy_and_is_inverted(self, clip):
        coefficients = decompose(clip)
        np.testing.assert_allclose((coefficients**2).sum(0), (clip**2).sum(0), rtol=1e-9)
        np.testing.assert_allclose(reconstruct(coefficients), clip, rtol=0, atol=1e-9)

    def test_reconstruct_equals_pywavelets(self):
        rows = random_clip(16, 3)
        expected = pywt.waverec(
            [rows[:1], rows[1:2], rows[2:4], rows[4:8], rows[8:]], "haar", axis=0
        )
        np.testing.assert_allclose(reconstruct(rows), expected, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_keeps_shape_and_float32(self, shape):
        clip = random_clip(32, *shape, dtype=np.float32)
        coefficients = decompose(clip)
        assert coefficients.shape == clip.shape
        assert coefficients.dtype == reconstruct(coefficients).dtype == np.float32
        np.testing.assert_allclose(coefficients, decompose(clip.astype(float)), rtol=0, atol=5e-6)
        np.testing.assert_allclose(reconstruct(coefficients), clip, rtol=0, atol=5e-6)

    @pytest.mark.parametrize(
        ("function", "name"), [(decompose, "trajectories"), (reconstruct, "coefficients")]
    )
    def test_refuses_other_lengths(self, function, name):
        expected = f"{name}: expected a power of two .* got 12; resample first.*coefficients=16"
        with pytest.raises(ValueError, match=expected):
            function(np.zeros(12))


# Changing one of these numbers means that feature shards made before are stale: raise
# FEATURE_VERSION together with it.
GOLDEN_CLIP = [1.0, 2.0, 4.0, 8.0, 16.0]
GOLDEN = {
    ("paper", 2): [3.75, 4.0],
    ("paper", 3): [1.5, 6.0, 8.0],
    ("paper", 10): [1.0, 2.0, 4.0, 8.0, 16.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ("segments", 2): [2.0, 10.4],
    ("segments", 3): [1.4, 4.4, 12.8],
    ("segments", 10): [1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0, 16.0, 16.0],
    ("pyramid", 2): [12.4 / SQRT2, -8.4 / SQRT2],
    ("pyramid", 3): [12.4, -8.4, -1.6 / SQRT2],
    ("pyramid", 4): [12.4, -8.4, -1.6 / SQRT2, -8 / SQRT2],
}


@pytest.mark.parametrize(("layout", "coefficients"), GOLDEN)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_golden_values(layout, coefficients, dtype):
    code = encode(np.array(GOLDEN_CLIP, dtype), layout=layout, coefficients=coefficients)
    precision = 1e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(code, GOLDEN[layout, coefficients], rtol=precision)


class TestErrors:
    def test_unknown_layout(self):
        expected = (
            "layout: expected one of paper, segments, pyramid, got 'piramid'; "
            "did you mean 'pyramid'?"
        )
        with pytest.raises(ValueError, match="layout") as caught:
            encode(np.zeros(5), layout="piramid", coefficients=2)
        assert str(caught.value) == expected
        with pytest.raises(ValueError, match="got 'Paper'; did you mean 'paper'"):
            decode(np.zeros(5), layout="Paper", frames=2)
        with pytest.raises(ValueError, match="got 'db4'; choose one of them"):
            encode(np.zeros(5), layout="db4", coefficients=2)

    @pytest.mark.parametrize("count", [0, -3, 2.0, True, "10", None])
    def test_counts_below_one_and_other_types(self, count):
        with pytest.raises(ValueError, match="coefficients: expected a whole number >= 1, got"):
            encode(np.zeros(5), layout="paper", coefficients=count)
        with pytest.raises(ValueError, match="frames: expected a whole number >= 1, got"):
            decode(np.zeros(5), layout="paper", frames=count)

    def test_numpy_integers_are_counts(self):
        code = encode(np.zeros(5), layout="paper", coefficients=np.int64(3))
        assert decode(code, layout="paper", frames=np.uint8(5)).shape == (5,)

    @pytest.mark.parametrize("empty", [np.zeros((0, 52)), np.zeros(0), np.float64(3)])
    def test_no_frames(self, empty):
        with pytest.raises(ValueError, match=r"trajectories: expected at least 1 row .* leave out"):
            encode(empty, layout="segments", coefficients=2)
        with pytest.raises(ValueError, match="code: expected at least 1 row"):
            decode(empty, layout="segments", frames=2)

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_gaps(self, layout, bad):
        clip = random_clip(75, 478, 3, dtype=np.float32)
        clip[74, 100, 1] = bad  # in a frame that `paper` drops for some K
        expected = "trajectories: expected finite numbers, .* in row 74 of 75; fill gaps first"
        with pytest.raises(ValueError, match=expected):
            encode(clip, layout=layout, coefficients=5)
        with pytest.raises(ValueError, match="code: expected finite numbers"):
            decode(clip, layout=layout, frames=5)

    def test_gap_in_a_clip_that_is_checked_in_parts(self):
        clip = np.zeros((1200, 1000), np.float32)
        clip[1150, 3] = np.nan
        with pytest.raises(ValueError, match="row 1150 of 1200"):
            encode(clip, layout="segments", coefficients=5)

    @pytest.mark.parametrize("bad", [np.zeros(4, complex), ["a", "b"], np.array([None, 1])])
    def test_not_real_numbers(self, bad):
        with pytest.raises(ValueError, match="trajectories: expected real numbers, got dtype"):
            encode(bad, layout="segments", coefficients=2)
