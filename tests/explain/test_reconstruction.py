"""Rebuilding trajectories from their codes: inverses, errors by hand, the table and the picture."""

import math
from dataclasses import asdict, replace

import numpy as np
import pytest

from facewave.explain.reconstruction import (
    REBUILT_COLUMNS,
    SIGNALS,
    Rebuilt,
    measure_clip,
    rebuild,
    wanted_codes,
)
from facewave.explain.reconstruction_table import draw_errors, summarise
from facewave.features import haar, wavelets
from facewave.features.groups import FaceOptions
from facewave.features.quality import QualityOptions
from facewave.storage.tables import format_rows, write_text
from tests.features.shards import made_up_faces, write_trajectory

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("layout", ["pyramid", "segments", "db2", "sym4", "uniform"])
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_a_full_code_is_rebuilt_without_error(layout, frames):
    clip = RANDOM.normal(size=(frames, 5))
    rebuilt, lost = rebuild(clip.astype(np.float32), layout=layout, coefficients=frames)
    np.testing.assert_allclose(rebuilt, clip.astype(np.float32), atol=1e-9)
    assert lost == 0


def test_a_full_dct_is_rebuilt_without_error():
    clip = RANDOM.normal(size=(64, 3))
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


def test_more_coefficients_rebuild_better():
    time = np.linspace(0, 1, 100)[:, np.newaxis]
    clip = (np.sin(9 * time) + np.cos(4 * time)).astype(np.float32)
    for layout in ("segments", "pyramid", "dct", "db2", "sym4", "uniform"):
        errors = [
            np.mean((rebuild(clip, layout=layout, coefficients=k)[0] - clip) ** 2)
            for k in (4, 8, 16, 32)
        ]
        assert errors == sorted(errors, reverse=True), layout


def test_frames_that_paper_loses_are_held():
    clip = np.arange(16, dtype=np.float32)[:, np.newaxis]
    rebuilt, lost = rebuild(clip, layout="paper", coefficients=10)
    assert lost == pytest.approx(6 / 16)
    assert rebuilt.ravel().tolist() == [*range(10), *[9] * 6]


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


def test_codes_that_are_compared():
    found = wanted_codes(["segments", "mean"], [8, 16])
    assert found == [("segments", 8), ("segments", 16), ("mean", 1)]


def test_errors_of_a_clip_by_hand(tmp_path):
    shard = tmp_path / "t.npz"
    arrays = made_up_faces(0, 40)
    write_trajectory(shard, 40, arrays=arrays)
    codes = [("segments", 4), ("mean", 1)]
    rows = measure_clip(
        shard,
        clip_id="a",
        codes=codes,
        face=FaceOptions(),
        quality=QualityOptions(min_decoded_ratio=0.0),
    )
    assert [(row.signal, row.layout) for row in rows] == [
        (signal, layout) for signal in SIGNALS for layout, _ in codes
    ]
    values = arrays["blendshapes"].astype(np.float64)
    code = haar.encode(values, layout="segments", coefficients=4)
    difference = values - haar.decode(code, layout="segments", frames=40)
    expected = np.sqrt(np.sum(difference**2) / np.sum((values - values.mean(axis=0)) ** 2))
    by_code = {(row.signal, row.layout): row for row in rows}
    assert by_code["blendshapes", "segments"].error == pytest.approx(expected, rel=1e-6)
    for signal in SIGNALS:
        row = by_code[signal, "mean"]
        assert math.isnan(row.error) or row.error == pytest.approx(1, rel=1e-5)


ROW = Rebuilt(
    clip_id="a", signal="landmarks", layout="paper", coefficients=8, frames=40, lost=0.5, error=0.4
)


def test_table_and_picture(tmp_path):
    rows = [
        replace(ROW, clip_id=clip, layout=layout, coefficients=k, error=error)
        for clip, error in (("a", 0.2), ("b", 0.6), ("still", math.nan))
        for layout in ("paper", "segments", "mean")
        for k in ((8, 16) if layout != "mean" else (1,))
    ]
    write_text(tmp_path / "0.tsv", format_rows(REBUILT_COLUMNS, map(asdict, rows)))
    found = summarise([tmp_path / "0.tsv"], seed=0)
    assert len(found) == 5
    assert [row.error for row in found] == pytest.approx([0.4] * 5)
    assert {row.clips for row in found} == {2}
    assert all(0.2 <= row.low <= 0.4 <= row.high <= 0.6 for row in found)
    for name in ("one.png", "two.png"):
        draw_errors(tmp_path / name, found)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_no_valid_clip_is_said(tmp_path):
    write_text(tmp_path / "0.tsv", format_rows(REBUILT_COLUMNS, []))
    with pytest.raises(ValueError, match="no clip was rebuilt"):
        summarise([tmp_path / "0.tsv"], seed=0)
