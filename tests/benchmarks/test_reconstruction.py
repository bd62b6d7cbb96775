"""The study of reconstruction errors: errors by hand, the table and the figure."""

import json
import math
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.representation.reconstruction import (
    SIGNALS,
    Rebuilt,
    draw_errors,
    markdown,
    measure_clip,
    rebuild,
    summarise,
    wanted_codes,
)
from facewave.features import haar
from facewave.features.groups import FaceOptions
from facewave.features.quality import QualityOptions
from facewave.storage.atomic import write_text
from facewave.storage.store import shard_path
from facewave.storage.tables import format_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.trajectory import open_trajectory
from tests.features.shards import made_up_faces, write_trajectory

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize("layout", ["pyramid", "segments", "db2", "sym4", "uniform"])
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_a_full_code_is_rebuilt_without_error(layout, frames):
    clip = RANDOM.normal(size=(frames, 5))
    rebuilt, lost = rebuild(clip.astype(np.float32), layout=layout, coefficients=frames)
    np.testing.assert_allclose(rebuilt, clip.astype(np.float32), atol=1e-9)
    assert lost == 0


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


def test_codes_that_are_compared():
    found = wanted_codes(["segments", "mean"], [8, 16])
    assert found == [("segments", 8), ("segments", 16), ("mean", 1)]


def test_errors_of_a_clip_by_hand(tmp_path):
    shard = tmp_path / "t.npz"
    arrays = made_up_faces(0, 40)
    write_trajectory(shard, 40, arrays=arrays)
    codes = [("segments", 4), ("mean", 1)]
    rows = measure_clip(
        open_trajectory(shard),
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


ROW = Rebuilt(signal="landmarks", layout="paper", coefficients=8, lost=0.5, error=0.4)


def test_summary_and_figure(tmp_path):
    clips = [
        [
            replace(ROW, layout=layout, coefficients=k, error=error)
            for layout in ("paper", "segments", "mean")
            for k in ((8, 16) if layout != "mean" else (1,))
        ]
        for error in (0.2, 0.6, math.nan)
    ]
    found = summarise(clips)
    assert len(found) == 5
    assert [row.error for row in found] == pytest.approx([0.4] * 5)
    assert {row.clips for row in found} == {2}
    assert all(0.2 <= row.low <= 0.4 <= row.high <= 0.6 for row in found)
    assert markdown(found, signal="landmarks").splitlines()[2] == "| `paper` | 0.400 | 0.400 |"
    for name in ("one.png", "two.png"):
        draw_errors(tmp_path / name, found)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_no_valid_clip_is_said():
    with pytest.raises(ValueError, match="no clip is valid"):
        summarise([[]])


def test_on_a_folder_of_results(tmp_path):
    """The script as a person runs it."""
    results = tmp_path / "results" / "small"
    options = {"features": asdict(FaceOptions()), "quality": asdict(QualityOptions())}
    (results / "keys").mkdir(parents=True)
    (results / "keys" / "features.json").write_text(json.dumps(options))
    rows = []
    for key, frames in (("aa", 40), ("bb", 30), ("", 0)):
        rows.append(dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": f"clip-{key}", "key": key})
        if key:
            shard = shard_path(tmp_path / "results" / "store", "tracks", key)
            write_trajectory(shard, frames)
    write_text(results / "tracks" / "0000.tsv", format_rows(TRACK_COLUMNS, rows))
    script = Path(__file__).parents[2] / "benchmarks/representation/reconstruction.py"
    subprocess.run(
        [sys.executable, script, results, "--layouts", "segments", "mean", "--coefficients", "4"],
        check=True,
        capture_output=True,
    )
    table = (results / "reconstruction" / "reconstruction.csv").read_text().splitlines()
    assert len(table) == 1 + 2 * len(SIGNALS)
    assert table[1].startswith("landmarks,segments,4,2,0.")
    assert (results / "reconstruction" / "reconstruction.png").read_bytes()[:4] == b"\x89PNG"
