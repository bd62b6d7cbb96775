"""The example of a clip's trajectories beside their codes."""

from dataclasses import replace

import numpy as np

from facewave.report import figures
from facewave.report.clips import read_clips
from facewave.report.wavelet import wavelet_example
from tests.report.report_files import FRAMES, build
from tests.report.report_page import render


def test_wavelet_example_shows_the_liveliest_clip_and_one_of_each_pair(clips, artefacts):
    example = wavelet_example(list(clips.values()), store=artefacts.files.store)
    assert example.clip.clip_id in ("good2", "good5")
    assert [trace.name for trace in example.traces] == [
        "jawOpen",
        "mouthSmileLeft",
        "lower lip (landmark 14), y",
    ]
    assert example.clip_bytes == FRAMES * 1486 * 4
    assert example.code_bytes == 8 * 1486 * 4
    for trace in example.traces:
        assert trace.error < 0.1 * trace.span


def test_frames_that_a_code_has_lost_are_left_open(tmp_path):
    made = build(tmp_path, layout="paper")
    found = read_clips(made.files.manifest, made.files.track_indexes, made.files.feature_indexes)
    example = wavelet_example(found, store=made.files.store)
    [trace, *_] = example.traces
    # 24 frames are padded to 32 and held in 8 blocks of 4: all are known.
    assert np.isfinite(trace.rebuilt).all()
    lost = replace(trace, rebuilt=np.where(np.arange(FRAMES) < 16, trace.rebuilt, np.nan))
    assert figures.trajectory(example, lost).uri
    assert figures.code(example, lost).uri


def test_layout_is_explained(page, folds):
    assert "the means of 8 equal segments" in page.words()
    assert "approximation and details from coarse to fine" in folds[1].words()


def test_layouts_that_cannot_be_decoded_are_told(content, tmp_path):
    files = build(tmp_path, layout="dct").files
    found = read_clips(files.manifest, files.track_indexes, files.feature_indexes)
    assert wavelet_example(found, store=files.store) is None
    page = render("wavelet.html", content, wavelet=None, layout="dct", decodable=False)
    assert "Layout dct is shown without an example" in page.words()


def test_that_all_shards_are_damaged_is_told(content, clips, tmp_path):
    assert any(clip.valid for clip in clips.values())
    assert wavelet_example(list(clips.values()), store=tmp_path) is None
    page = render("wavelet.html", content, wavelet=None, layout="paper", decodable=True)
    assert "they are damaged or missing in the store" in page.words()
    assert "snakemake verify_store" in page.words()
    page = render("wavelet.html", content | {"n_valid": 0}, wavelet=None, decodable=True)
    assert "No clip is valid" in page.words()
