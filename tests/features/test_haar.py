"""Haar codes against PyWavelets, exact fractions and numbers made by hand, and what is refused."""

import itertools
import math

import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from facewave.features.haar import LAYOUTS, decode, decompose, encode, reconstruct
from tests.features.haar_oracles import (
    SHAPES,
    SQRT2,
    clips,
    counts,
    layouts,
    naive_span_means,
    quick,
    random_clip,
    values,
    wavedec_paper,
)


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


class TestEveryLayout:
    @quick
    @given(layout=layouts, count=counts, clip=clips(), factor=values)
    def test_is_linear(self, layout, count, clip, factor):
        other = np.roll(clip[::-1], 1, axis=0)
        combined = encode(clip + factor * other, layout=layout, coefficients=count)
        expected = encode(clip, layout=layout, coefficients=count) + factor * encode(
            other, layout=layout, coefficients=count
        )
        np.testing.assert_allclose(combined, expected, rtol=0, atol=1e-6)

    @quick
    @given(count=counts, frames=st.integers(1, 200), level=values)
    def test_constant(self, count, frames, level):
        clip = np.full(frames, level)
        segments = encode(clip, layout="segments", coefficients=count)
        np.testing.assert_allclose(segments, level, rtol=1e-10)
        pyramid = encode(clip, layout="pyramid", coefficients=count)
        bins = 2 ** math.ceil(math.log2(count))
        expected = [level * math.sqrt(bins)] + [0] * (count - 1)
        np.testing.assert_allclose(pyramid, expected, rtol=1e-10, atol=1e-9)
        for layout, code in (("segments", segments), ("pyramid", pyramid)):
            back = decode(code, layout=layout, frames=frames)
            np.testing.assert_allclose(back, level, rtol=1e-10, atol=1e-9)

    def test_one_frame(self):
        clip = np.array([[2.0, -3.0]])
        codes = {name: encode(clip, layout=name, coefficients=4) for name in LAYOUTS}
        np.testing.assert_array_equal(codes["paper"], [[2, -3], [0, 0], [0, 0], [0, 0]])
        np.testing.assert_array_equal(codes["segments"], np.repeat(clip, 4, axis=0))
        np.testing.assert_array_equal(codes["pyramid"], [[4, -6], [0, 0], [0, 0], [0, 0]])
        for name, code in codes.items():
            np.testing.assert_array_equal(decode(code, layout=name, frames=1), clip)

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("shape", [*SHAPES, (0,)])
    @pytest.mark.parametrize("frames", [3, 40, 75])
    def test_shapes_and_float32(self, layout, shape, frames):
        clip = random_clip(frames, *shape, dtype=np.float32)
        code = encode(clip, layout=layout, coefficients=10)
        assert code.shape == (10, *shape)
        assert code.dtype == np.float32
        wide = encode(clip.astype(np.float64), layout=layout, coefficients=10)
        assert wide.dtype == np.float64
        np.testing.assert_allclose(code, wide, rtol=1e-6, atol=1e-6)
        back = decode(code, layout=layout, frames=frames)
        assert back.shape == clip.shape
        assert back.dtype == np.float32

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint8, np.bool_])
    def test_other_numbers_give_float32(self, layout, dtype):
        clip = np.array([0, 1, 1, 0, 1]).astype(dtype)
        code = encode(clip, layout=layout, coefficients=3)
        assert code.dtype == np.float32
        expected = encode(clip.astype(np.float32), layout=layout, coefficients=3)
        np.testing.assert_array_equal(code, expected)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_foreign_byte_order_stays_float64(self, layout):
        clip = random_clip(21)
        code = encode(clip.astype(">f8"), layout=layout, coefficients=4)
        assert code.dtype == np.float64
        np.testing.assert_array_equal(code, encode(clip, layout=layout, coefficients=4))

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("frames", [7, 75])
    def test_memory_layout_does_not_matter(self, layout, frames):
        big = random_clip(2 * frames, 8, 6, dtype=np.float32)
        strided = big[::2, ::-1, 1::2]
        expected = encode(np.ascontiguousarray(strided), layout=layout, coefficients=10)
        for clip in (strided, np.asfortranarray(strided)):
            np.testing.assert_array_equal(encode(clip, layout=layout, coefficients=10), expected)

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("frames", [1, 5, 10, 75])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_input_is_neither_changed_nor_shared(self, layout, frames, dtype):
        clip = random_clip(frames, 4, dtype=dtype)
        clip.flags.writeable = False
        code = encode(clip, layout=layout, coefficients=frames)
        assert not np.shares_memory(code, clip)
        code.flags.writeable = False
        assert not np.shares_memory(decode(code, layout=layout, frames=frames), code)

    def test_decompose_and_reconstruct_do_not_share_either(self):
        for frames in (1, 8):
            clip = random_clip(frames, 2)
            clip.flags.writeable = False
            assert not np.shares_memory(decompose(clip), clip)
            assert not np.shares_memory(reconstruct(clip), clip)

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("coefficients", [10, 16])
    def test_long_clips_are_accurate(self, layout, coefficients):
        # A large offset, as pixel coordinates have, is what a running float32 sum cannot bear.
        clip = (1000 + random_clip(20_000, 2)).astype(np.float32)
        code = encode(clip, layout=layout, coefficients=coefficients)
        if layout == "paper":
            exact = wavedec_paper(clip.astype(np.float64), coefficients)
        else:
            edges = np.linspace(0, 20_000, 17 if layout == "pyramid" else coefficients + 1)
            edges = edges.astype(int)  # 10 and 16 divide 20,000
            columns = [
                [math.fsum(one[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
                for one in clip.T.astype(np.float64)
            ]
            exact = np.transpose(columns)
            if layout == "pyramid":
                exact = decompose(exact)[:coefficients]
        # One rounding to float32 at the end, and no other error.
        np.testing.assert_allclose(code, exact, rtol=6e-8, atol=1e-9)

    def test_long_clips_are_accurate_where_edges_cut_frames(self):
        clip = (1000 + random_clip(20_011)).astype(np.float32)
        exact = naive_span_means(clip, 10)
        code = encode(clip, layout="segments", coefficients=10)
        np.testing.assert_allclose(code, exact, rtol=6e-8)
        code = encode(clip.astype(np.float64), layout="segments", coefficients=10)
        np.testing.assert_allclose(code, exact, rtol=1e-13)
