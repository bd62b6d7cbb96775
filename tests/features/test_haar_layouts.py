"""Each layout's code against PyWavelets, exact fractions and numbers made by hand."""

import math

import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from facewave.features.haar import decode, decompose, encode, reconstruct
from tests.features.haar_oracles import (
    SQRT2,
    clips,
    counts,
    naive_span_means,
    quick,
    random_clip,
    wavedec_paper,
)


class TestPaper:
    @pytest.mark.parametrize("frames", [1, 2, 3, 9, 16, 17, 64, 75, 127, 129, 300])
    @pytest.mark.parametrize("coefficients", [1, 3, 10, 16, 40])
    def test_equals_pywavelets(self, frames, coefficients):
        clip = random_clip(frames, 4, seed=frames)
        code = encode(clip, layout="paper", coefficients=coefficients)
        np.testing.assert_allclose(code, wavedec_paper(clip, coefficients), rtol=0, atol=1e-12)

    @quick
    @given(clip=clips(), count=counts)
    def test_equals_pywavelets_on_any_clip(self, clip, count):
        code = encode(clip, layout="paper", coefficients=count)
        np.testing.assert_allclose(code, wavedec_paper(clip, count), rtol=0, atol=1e-9)

    def test_zero_padding_pulls_the_last_block_and_zero_rows_follow(self):
        code = encode(np.ones(17), layout="paper", coefficients=10)  # T' = 32, blocks of 2
        np.testing.assert_array_equal(code, [1] * 8 + [0.5, 0])

    def test_drops_the_tail(self):
        clip = random_clip(64)  # 16 blocks of 4, of which 10 are kept
        other = clip.copy()
        other[40:] = 0
        expected = encode(clip, layout="paper", coefficients=10)
        np.testing.assert_array_equal(encode(other, layout="paper", coefficients=10), expected)

    def test_decode_marks_the_lost_frames(self):
        code = encode(np.arange(64.0), layout="paper", coefficients=10)
        clip = decode(code, layout="paper", frames=64)
        np.testing.assert_array_equal(clip[:40], np.repeat(np.arange(10) * 4 + 1.5, 4))
        assert np.isnan(clip[40:]).all()

    def test_decode_takes_the_padding_out_of_the_last_block(self):
        code = encode(np.full(75, 2.0), layout="paper", coefficients=10)
        assert code[9] == 2 * 3 / 8
        np.testing.assert_array_equal(decode(code, layout="paper", frames=75), np.full(75, 2.0))

    @quick
    @given(clip=clips(), count=counts)
    def test_decode_is_a_right_inverse_on_the_frames_held(self, clip, count):
        code = encode(clip, layout="paper", coefficients=count)
        back = decode(code, layout="paper", frames=len(clip))
        back[np.isnan(back)] = 0  # lost frames cannot come back, whatever they were
        again = encode(back, layout="paper", coefficients=count)
        np.testing.assert_allclose(again, code, rtol=0, atol=1e-9)


class TestSegments:
    @quick
    @given(clip=clips(), count=counts)
    def test_equals_naive_fractions(self, clip, count):
        code = encode(clip, layout="segments", coefficients=count)
        expected = np.stack([naive_span_means(one, count) for one in clip.T], axis=1)
        np.testing.assert_allclose(code, expected, rtol=0, atol=1e-9)

    def test_hand_computed_odd_cut(self):
        code = encode([1.0, 2, 4, 8, 16], layout="segments", coefficients=2)
        np.testing.assert_allclose(code, [(1 + 2 + 2) / 2.5, (2 + 8 + 16) / 2.5], rtol=1e-15)

    def test_fewer_frames_than_coefficients(self):
        code = encode([3.0, 6.0], layout="segments", coefficients=5)
        np.testing.assert_allclose(code, [3, 3, 4.5, 6, 6], rtol=1e-15)

    def test_equals_the_decomposition_of_blocks(self):
        clip = random_clip(64, 3)  # 8 blocks of 8 = level 3
        approximation = pywt.wavedec(clip, "haar", level=3, axis=0)[0] / math.sqrt(8)
        code = encode(clip, layout="segments", coefficients=8)
        np.testing.assert_allclose(code, approximation, rtol=0, atol=1e-13)

    @pytest.mark.parametrize("frames", [1, 7, 10, 16])
    def test_round_trip_with_as_many_coefficients_as_frames(self, frames):
        clip = random_clip(frames, 3)
        code = encode(clip, layout="segments", coefficients=frames)
        np.testing.assert_array_equal(code, clip)
        np.testing.assert_array_equal(decode(code, layout="segments", frames=frames), clip)

    def test_round_trip_through_a_multiple(self):
        clip = random_clip(5, 3)
        code = encode(clip, layout="segments", coefficients=15)
        np.testing.assert_allclose(decode(code, layout="segments", frames=5), clip, rtol=1e-14)

    @quick
    @given(clip=clips(length=st.integers(1, 8)), blocks=st.integers(1, 5))
    def test_decode_is_the_pseudo_inverse_where_blocks_are_whole(self, clip, blocks):
        weights = np.kron(np.eye(len(clip)), np.full(blocks, 1 / blocks))
        back = decode(clip, layout="segments", frames=len(clip) * blocks)
        np.testing.assert_allclose(back, np.linalg.pinv(weights) @ clip, rtol=0, atol=1e-8)

    @quick
    @given(clip=clips(), count=counts)
    def test_code_and_decoded_clip_keep_the_mean(self, clip, count):
        code = encode(clip, layout="segments", coefficients=count)
        back = decode(code, layout="segments", frames=len(clip))
        np.testing.assert_allclose(code.mean(0), clip.mean(0), rtol=0, atol=1e-9)
        np.testing.assert_allclose(back.mean(0), clip.mean(0), rtol=0, atol=1e-9)

    def test_a_shift_by_one_span_shifts_the_code(self):
        clip = random_clip(75)
        code = encode(clip, layout="segments", coefficients=10)
        later = encode(np.roll(clip, 15), layout="segments", coefficients=10)  # 15 = two spans
        np.testing.assert_allclose(later, np.roll(code, 2), rtol=0, atol=1e-14)

    def test_reversed_time_reverses_the_code(self):
        clip = random_clip(33)
        code = encode(clip, layout="segments", coefficients=10)
        backwards = encode(clip[::-1], layout="segments", coefficients=10)
        np.testing.assert_allclose(backwards, code[::-1], rtol=0, atol=1e-14)


class TestPyramid:
    @quick
    @given(clip=clips(), count=counts)
    def test_is_the_decomposition_of_the_segments(self, clip, count):
        bins = 2 ** math.ceil(math.log2(count))
        segments = encode(clip, layout="segments", coefficients=bins)
        code = encode(clip, layout="pyramid", coefficients=count)
        np.testing.assert_allclose(code, decompose(segments)[:count], rtol=0, atol=1e-9)

    @quick
    @given(clip=clips(), count=st.sampled_from([1, 2, 8, 32]))
    def test_preserves_the_energy_of_the_means(self, clip, count):
        means = encode(clip, layout="segments", coefficients=count)
        code = encode(clip, layout="pyramid", coefficients=count)
        np.testing.assert_allclose((code**2).sum(0), (means**2).sum(0), rtol=1e-8, atol=1e-12)

    @pytest.mark.parametrize("frames", [1, 8, 64])
    def test_round_trip_with_as_many_coefficients_as_frames(self, frames):
        clip = random_clip(frames, 3)
        code = encode(clip, layout="pyramid", coefficients=frames)
        np.testing.assert_allclose(code, decompose(clip), rtol=0, atol=1e-13)
        back = decode(code, layout="pyramid", frames=frames)
        np.testing.assert_allclose(back, clip, rtol=0, atol=1e-13)

    def test_order_is_coarse_to_fine(self):
        steps = np.repeat([1.0, -1.0], 32)  # one wave over the clip: the coarsest detail only
        code = encode(steps, layout="pyramid", coefficients=8)
        np.testing.assert_allclose(code, [0, math.sqrt(8), 0, 0, 0, 0, 0, 0], atol=1e-15)
        early = np.repeat([1.0, -1.0, 0, 0, 0, 0, 0, 0], 8)  # a fast wave early on
        code = encode(early, layout="pyramid", coefficients=8)
        np.testing.assert_allclose(code, [0, 0, 0, 0, SQRT2, 0, 0, 0], atol=1e-15)

    def test_later_coefficients_only_add(self):
        clip = random_clip(50)
        full = encode(clip, layout="pyramid", coefficients=16)
        np.testing.assert_array_equal(encode(clip, layout="pyramid", coefficients=10), full[:10])

    def test_decode_fills_dropped_coefficients_with_zeros(self):
        code = encode(random_clip(48, 2), layout="pyramid", coefficients=5)
        filled = np.concatenate([code, np.zeros((3, 2))])
        expected = np.repeat(reconstruct(filled), 6, axis=0)
        np.testing.assert_allclose(decode(code, layout="pyramid", frames=48), expected, atol=1e-14)
        again = encode(expected, layout="pyramid", coefficients=5)
        np.testing.assert_allclose(again, code, rtol=0, atol=1e-14)
