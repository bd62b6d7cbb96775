"""What holds for the codes of all layouts."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.features.haar import LAYOUTS, decode, decompose, encode, reconstruct
from tests.features.haar_oracles import (
    SHAPES,
    clips,
    counts,
    layouts,
    naive_span_means,
    quick,
    random_clip,
    values,
    wavedec_paper,
)


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
