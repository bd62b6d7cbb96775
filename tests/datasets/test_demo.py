"""The demo corpus: its list of clips, its fingerprints and what the renderer draws."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.demo import recipe
from facewave.demo import render as demo_render
from facewave.demo.acting import perform, random_stream
from facewave.demo.expressions import MIDLINE, PAIRS, RELAX, TRAITS, UNITS
from facewave.demo.points import part_edges, portrait_points, rows, subject_points
from facewave.demo.recipe import ACTION_UNITS, DURATION_S, DemoClip, demo_clips, recipe_fingerprint
from facewave.demo.render import clip_frames, render_clip
from facewave.demo.warp import cell_centres, spline_shifts

CLASSES = list(ACTION_UNITS)
# Small and slow: as many steps as needed to see a clip, and no more.
QUICK = {"size": 64, "fps": 5.0, "seed": 3}


def clip(clip_id: str) -> DemoClip:
    return next(c for c in demo_clips(subjects=2, takes=2, classes=CLASSES) if c.clip_id == clip_id)


def frames(clip_id: str, **options: float) -> np.ndarray:
    return np.stack(list(clip_frames(clip(clip_id), **{**QUICK, **options})))


def opening(clip_id: str, upper: str, lower: str) -> np.ndarray:
    """Distance between two named points in each frame of a clip."""
    rest = subject_points(random_stream(3, "s01", "subject"))
    points = perform(clip(clip_id), rest, fps=25, seed=3).points
    above, below = rows([upper, lower])
    return points[:, below, 1] - points[:, above, 1]


# --- the list of clips -------------------------------------------------------------------------


@given(subjects=st.integers(1, 120), takes=st.integers(1, 12))
@settings(max_examples=20, deadline=None)
def test_ids_are_unique_and_safe_as_file_names(subjects: int, takes: int) -> None:
    clips = demo_clips(subjects=subjects, takes=takes, classes=CLASSES)
    ids = [c.clip_id for c in clips]
    assert len(set(ids)) == len(ids) == subjects * takes * len(CLASSES)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in ids)
    assert {c.relative_path for c in clips} == {f"{name}.mp4" for name in ids}


def test_a_clip_says_what_it_is() -> None:
    first, *_, last = demo_clips(subjects=3, takes=2, classes=["neutral", "happy"])
    assert first == DemoClip("s01_neutral_t1", "s01", "neutral", "t1", "s01_neutral_t1.mp4")
    assert last.clip_id == "s03_happy_t2"


def test_more_subjects_or_takes_keep_the_clips_that_there_were() -> None:
    few = demo_clips(subjects=2, takes=1, classes=CLASSES)
    assert set(few) <= set(demo_clips(subjects=12, takes=3, classes=CLASSES))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["happy", "contempt"]}, r"'contempt'.*neutral, happy, sad"),
        ({"classes": ["happy", "happy"]}, "twice"),
        ({"subjects": 0}, "subjects must be at least 1"),
        ({"takes": 0}, "takes must be at least 1"),
    ],
)
def test_a_bad_list_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        demo_clips(**{"subjects": 1, "takes": 1, "classes": CLASSES, **options})


def test_the_recipe_is_read_without_the_image_libraries() -> None:
    code = (
        "import sys, facewave.demo.recipe\n"
        "print(*{'cv2', 'numpy', 'scipy', 'skimage', 'mediapipe'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- fingerprints ------------------------------------------------------------------------------


def test_the_fingerprint_changes_with_every_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    base = recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1)
    others = [
        recipe_fingerprint("s01_happy_t2", size=256, fps=25, seed=1),
        recipe_fingerprint("s01_happy_t1", size=128, fps=25, seed=1),
        recipe_fingerprint("s01_happy_t1", size=256, fps=24.5, seed=1),
        recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=2),
    ]
    monkeypatch.setattr("facewave.demo.recipe.RECIPE_VERSION", "test")
    others.append(recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1))
    monkeypatch.setattr("facewave.demo.expressions.RELAX", {})
    recipe._tables.cache_clear()
    others.append(recipe_fingerprint("s01_happy_t1", size=256, fps=25, seed=1))
    recipe._tables.cache_clear()
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert len({base, *others}) == 7


def test_the_fingerprint_does_not_depend_on_how_a_number_is_written() -> None:
    whole = recipe_fingerprint("a", size=256, fps=25, seed=1)
    assert whole == recipe_fingerprint("a", size=256, fps=25.0, seed=1)


def test_the_pixels_are_those_of_the_recipe_version() -> None:
    frame = frames("s01_happy_t1")[6]
    thumbnail = cv2.resize(frame.mean(axis=2), (8, 8), interpolation=cv2.INTER_AREA)
    hint = "the rendered pixels changed: raise RECIPE_VERSION, then set the new values here"
    np.testing.assert_allclose(thumbnail, GOLDEN_FRAME, atol=1.0, err_msg=hint)


def test_the_motion_is_that_of_the_recipe_version() -> None:
    rest = subject_points(random_stream(3, "s01", "subject"))
    performance = perform(clip("s01_happy_t1"), rest, fps=5, seed=3)
    hint = "the motion changed: if not by a table, raise RECIPE_VERSION; set the new values here"
    found = performance.points[6, rows(["corner.left", "lid_up_mid.right", "brow_in.left"])]
    np.testing.assert_allclose(found, GOLDEN_POINTS, atol=1e-6, err_msg=hint)
    np.testing.assert_allclose(performance.pose[6], GOLDEN_POSE, atol=1e-6, err_msg=hint)


# fmt: off
GOLDEN_FRAME = [
    [139.8, 151.9, 150.7, 132.4, 145.3, 142.5, 153.5, 153.5],
    [146.6, 147.2, 99.1, 108.4, 122.1, 68.4, 139.7, 158.0],
    [142.6, 115.4, 96.8, 135.1, 112.5, 37.8, 103.3, 153.8],
    [145.9, 127.5, 116.4, 177.0, 153.0, 68.0, 119.5, 152.8],
    [150.8, 160.4, 165.7, 157.1, 139.6, 140.7, 167.4, 167.4],
    [157.6, 53.4, 47.9, 177.8, 129.5, 146.2, 171.8, 168.5],
    [120.9, 89.6, 8.1, 18.2, 16.0, 17.0, 147.1, 176.5],
    [123.9, 83.5, 55.4, 10.3, 2.8, 35.4, 94.0, 167.0],
]
GOLDEN_POINTS = [
    [0.4037557, 0.5646679],
    [0.5927492, 0.3871397],
    [0.4477306, 0.3601317],
]
GOLDEN_POSE = [0.0066332, 0.0125886, 0.0049564, 0.9977727, -0.0214503, -0.0079346]
# fmt: on


# --- video files -------------------------------------------------------------------------------


def test_a_video_reads_back_as_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "new" / "clip.mp4"
    count = render_clip(clip("s01_fear_t1"), path, size=96, fps=12.5, seed=3)
    assert DURATION_S[0] * 12.5 - 1 <= count <= DURATION_S[1] * 12.5 + 1

    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == count
    read = []
    while (step := capture.read())[0]:
        read.append(step[1])
    capture.release()
    drawn = frames("s01_fear_t1", size=96, fps=12.5)
    assert np.shape(read) == drawn.shape == (count, 96, 96, 3)
    # What the encoder loses is small against what an expression changes.
    assert np.abs(np.array(read, float) - drawn).mean() < 4
    assert [p.name for p in path.parent.iterdir()] == ["clip.mp4"]


def test_two_renders_give_the_same_bytes(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.mp4" for name in "ab"]
    for path in paths:
        demo_render.make_subject.cache_clear()
        render_clip(clip("s02_sad_t1"), path, **QUICK)
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("clip_id", "options"),
    [
        ("s01_sad_t2", {}),
        ("s02_sad_t1", {}),
        ("s01_angry_t1", {}),
        ("s01_sad_t1", {"seed": 4}),
    ],
    ids=["take", "subject", "class", "seed"],
)
def test_clips_differ(clip_id: str, options: dict) -> None:
    base, other = frames("s01_sad_t1"), frames(clip_id, **options)
    common = min(len(base), len(other))
    assert np.abs(base[:common].astype(float) - other[:common]).mean() > 2


@pytest.mark.parametrize("fps", [5.0, 25.0, 29.97])
@pytest.mark.parametrize("clip_id", [f"s01_{name}_t1" for name in CLASSES])
def test_clips_last_two_to_four_seconds(clip_id: str, fps: float) -> None:
    rest = subject_points(random_stream(3, "s01", "subject"))
    count = len(perform(clip(clip_id), rest, fps=fps, seed=3).points)
    assert DURATION_S[0] - 0.5 / fps <= count / fps <= DURATION_S[1] + 0.5 / fps


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mp4", {"size": 32}, "at least 64"),
        ("a.mp4", {"size": 97}, "even"),
        ("a.mp4", {"fps": 0.0}, "fps"),
        ("a.mp4", {"fps": float("nan")}, "fps"),
        ("a.avi", {}, "mp4"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render_clip(clip("s01_sad_t1"), tmp_path / name, **{**QUICK, **options})
    assert not list(tmp_path.iterdir())


def test_a_missing_encoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.VideoWriter, "isOpened", lambda self: False, raising=False)
    with pytest.raises(RuntimeError, match="cannot write mp4v"):
        render_clip(clip("s01_sad_t1"), tmp_path / "a.mp4", **QUICK)
    assert not list(tmp_path.iterdir())


def test_lost_frames_are_noticed_and_leave_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    monkeypatch.setattr(demo_render, "clip_frames", _wrong_frames)
    with pytest.raises(RuntimeError, match="0 of 10 frames"):
        render_clip(clip("s01_sad_t1"), path, **QUICK)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


# --- faces -------------------------------------------------------------------------------------


def test_tables_name_only_points_that_exist() -> None:
    for shifts in (RELAX, *UNITS.values(), *TRAITS.values()):
        assert set(shifts) <= MIDLINE.keys() | PAIRS.keys()
        assert all(outward == 0 for name, (outward, _) in shifts.items() if name in MIDLINE)
    assert {unit for units in ACTION_UNITS.values() for unit in units} <= UNITS.keys()


def test_expressions_move_what_their_units_say() -> None:
    jaw = ("gap_up_mid", "gap_low_mid")
    assert opening("s01_surprise_t1", *jaw).max() > 0.02 > opening("s01_neutral_t1", *jaw).max()
    brow = ("brow_low_in.left", "eye_in.left")
    resting = opening("s01_neutral_t1", *brow).mean()
    assert opening("s01_angry_t1", *brow).min() < resting - 0.005
    assert opening("s01_surprise_t1", *brow).max() > resting + 0.01
    corner = ("nose_base", "corner.right")
    assert opening("s01_happy_t1", *corner).min() < opening("s01_sad_t1", *corner).min() - 0.01


def test_an_expression_rises_and_falls() -> None:
    gap = opening("s01_surprise_t1", "gap_up_mid", "gap_low_mid")
    assert 0.15 * len(gap) < gap.argmax() < 0.9 * len(gap)
    assert gap[0] < 0.3 * gap.max()


@pytest.mark.parametrize("label", CLASSES)
def test_lips_and_lids_never_cross(label: str) -> None:
    edges = [("gap_up_mid", "gap_low_mid")]
    edges += [(f"lid_up_mid.{side}", f"lid_low_mid.{side}") for side in ("left", "right")]
    edges += [(f"gap_up_out.{side}", f"gap_low_out.{side}") for side in ("left", "right")]
    for take in ("t1", "t2"):
        for edge in edges:
            assert opening(f"s01_{label}_{take}", *edge).min() > 0


def test_eyes_blink() -> None:
    lids = opening("s01_neutral_t1", "lid_up_mid.left", "lid_low_mid.left")
    assert lids.min() < 0.3 * np.median(lids)


def test_parting_edges_leaves_a_resting_face_alone() -> None:
    points = portrait_points()
    np.testing.assert_array_equal(part_edges(points), points)


def test_a_spline_goes_through_its_points_and_is_still_outside() -> None:
    at = np.array([[0.4, 0.5], [0.5, 0.4], [0.6, 0.6]])
    to = at + np.array([[0.02, 0.0], [0.0, -0.01], [0.01, 0.02]])
    still = (0.5, 0.5, 0.4, 0.3)
    found = spline_shifts(at, to, at[None].astype(np.float32), still)
    np.testing.assert_allclose(found[0], to - at, atol=1e-5)
    places = cell_centres(40, 0.0, 1.0)
    outside = np.hypot((places[..., 0] - 0.5) / 0.4, (places[..., 1] - 0.5) / 0.3) >= 1
    assert not spline_shifts(at, to, places, still)[outside].any()


def _wrong_frames(*_args: object, **_options: object) -> Iterator[np.ndarray]:
    """Frames of a size that the writer was not opened for are dropped without a word."""
    yield from [np.zeros((32, 32, 3), np.uint8)] * 10
