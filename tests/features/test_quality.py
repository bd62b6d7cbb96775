"""Is a clip good enough: exact limits, and quantities computed by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facewave.features.clock import even_clock
from facewave.features.quality import (
    Observed,
    QualityOptions,
    jitter,
    judge,
    longest_gap,
    mean_abs_yaw,
)

masks = hnp.arrays(np.bool_, st.integers(0, 60))


def judged(detected, *, announced=0, error="", changes=0, cuts=0, **options):
    detected = np.asarray(detected, bool)
    return judge(
        detected,
        Observed(
            announced=announced,
            decoded=len(detected),
            error=error,
            jitter=0.5,
            mean_abs_yaw=2.0,
            changes=changes,
            cuts=cuts,
        ),
        clock=even_clock(40 * np.arange(len(detected)), default_rate=25) if len(detected) else None,
        options=QualityOptions(**options),
    )


def with_missing(frames, missing):
    """Return `frames` of which `missing` are not detected, none of them side by side."""
    detected = np.ones(frames, bool)
    detected[1 : 2 * missing : 2] = False
    return detected


class TestLongestGap:
    @pytest.mark.parametrize(
        ("detected", "expected"),
        [
            ("", 0),
            ("1", 0),
            ("0", 1),
            ("0001", 3),
            ("1000", 3),
            ("1011", 1),
            ("0010001", 3),
            ("0000", 4),
            ("1111", 0),
            ("00100", 2),
        ],
    )
    def test_hand_computed(self, detected, expected):
        assert longest_gap(np.array([c == "1" for c in detected], bool)) == expected

    @given(masks)
    def test_equals_the_longest_run_in_text(self, detected):
        text = "".join("1" if seen else "0" for seen in detected)
        assert longest_gap(detected) == max(map(len, text.split("1")))


class TestLimits:
    @pytest.mark.parametrize(("frames", "valid"), [(9, False), (10, True)])
    def test_detected_frames(self, frames, valid):
        quality = judged([True] * frames)
        assert quality.valid is valid
        assert quality.reason == ("" if valid else "face in 9 frames only, 10 are needed")

    @pytest.mark.parametrize(
        ("ratio", "frames", "enough"),
        # 0.55 * 100 and 0.07 * 100 are more than 55 and 7 in binary, 0.29 * 100 is less than 29.
        [
            (0.9, 10, 9),
            (0.9, 30, 27),
            (0.9, 1000, 900),
            (0.55, 100, 55),
            (0.07, 100, 7),
            (0.29, 100, 29),
            (0.7, 70, 49),
            (1 / 3, 30, 10),
            (1.0, 50, 50),
            (0.35, 20, 7),
        ],
    )
    def test_detection_ratio(self, ratio, frames, enough):
        options = {"min_detection_ratio": ratio, "min_detected_frames": 1, "max_gap_frames": 10**6}
        detected = np.arange(frames) < enough
        assert judged(detected, **options).valid
        one_less = judged(np.arange(frames) < enough - 1, **options)
        assert not one_less.valid
        assert one_less.reason.startswith(f"face in {enough - 1} of {frames} frames (")

    @given(st.integers(1, 400), st.integers(1, 100))
    def test_every_ratio_of_whole_percents(self, frames, percent):
        options = {"min_detection_ratio": percent / 100, "min_detected_frames": 1}
        for found in {max(1, frames * percent // 100), max(1, -(-frames * percent // 100))}:
            quality = judged(np.arange(frames) < found, max_gap_frames=10**6, **options)
            assert quality.valid is (100 * found >= percent * frames)

    @pytest.mark.parametrize(
        ("announced", "frames", "valid"),
        [
            (0, 20, True),
            (100, 90, True),
            (100, 89, False),
            (10, 90, True),
            (33, 30, True),
            (34, 30, False),
        ],
    )
    def test_decoded_ratio(self, announced, frames, valid):
        quality = judged([True] * frames, announced=announced)
        assert quality.valid is valid
        message = f"truncated: {frames} of {announced} announced frames can be decoded"
        assert quality.reason == ("" if valid else message)

    def test_decoded_ratio_is_not_rounded_up(self):
        assert judged([True] * 55, announced=100, min_decoded_ratio=0.55).valid

    @pytest.mark.parametrize(("gap", "valid"), [(30, True), (31, False)])
    @pytest.mark.parametrize("place", ["start", "middle", "end"])
    def test_gap(self, gap, valid, place):
        detected = np.ones(1000, bool)
        start = {"start": 0, "middle": 400, "end": 1000 - gap}[place]
        detected[start : start + gap] = False
        quality = judged(detected)
        assert (quality.valid, quality.longest_gap) == (valid, gap)
        assert quality.reason == ("" if valid else "no face for 31 frames in a row, 30 are allowed")

    def test_limits_of_zero_let_everything_with_a_face_pass(self):
        options = {"min_detected_frames": 0, "min_detection_ratio": 0.0, "min_decoded_ratio": 0.0}
        assert judged([True, False], announced=1000, **options).valid
        assert judged([False] * 5, **options).reason == "no face in any of 5 frames"


class TestReason:
    def test_an_error_of_tracking_comes_first(self):
        quality = judged([], announced=50, error="the file is missing")
        assert (quality.valid, quality.reason) == (False, "the file is missing")
        assert (quality.frames, quality.detected, quality.detection_ratio) == (0, 0, 0.0)

    def test_no_frame_and_no_error(self):
        assert judged([]).reason == "no face in any of 0 frames"

    def test_shares_tell_the_limit_apart(self):
        reason = judged(with_missing(1000, 104)).reason
        assert reason == "face in 896 of 1000 frames (89.6%), 90.0% are needed"

    def test_numbers(self):
        quality = judged(with_missing(40, 3))
        assert (quality.frames, quality.detected, quality.longest_gap) == (40, 37, 1)
        assert quality.detection_ratio == 0.925
        assert (quality.jitter, quality.mean_abs_yaw) == (0.5, 2.0)


def points(nose, *, eyes=0.2):
    """Return right eye, left eye and nose tip for a path of the nose."""
    nose = np.asarray(nose, np.float32)
    side = np.float32([eyes / 2, 0])
    return np.stack([nose - side, nose + side, nose], axis=1)


class TestJitter:
    def test_of_a_steady_walk_is_zero(self):
        path = [(0.1 * i, 0.05 * i) for i in range(8)]
        assert jitter(points(path), aspect=1.5) == pytest.approx(0, abs=1e-6)

    def test_hand_computed(self):
        # Second differences of 0, 1, 0, 1, 0 (in 0.01 heights): -2, 2, -2; eyes 0.2 * 2 apart.
        path = [(0.5, 0.01 * (i % 2)) for i in range(5)]
        assert jitter(points(path), aspect=2.0) == pytest.approx(0.02 / 0.4, rel=1e-4)

    def test_width_and_height_count_alike_in_pixels(self):
        sideways = [(0.01 * (i % 2), 0.5) for i in range(5)]
        assert jitter(points(sideways), aspect=3.0) == pytest.approx(0.06 / 0.6, rel=1e-4)

    def test_does_not_bridge_gaps(self):
        path = np.float32([(0.5, 0.1), (0.5, 0.1), (0.5, 0.1), (0, 0), (0.5, 0.9), (0.5, 0.9)])
        path[3] = np.nan
        assert jitter(points(path), aspect=1.0) == pytest.approx(0, abs=1e-6)

    @pytest.mark.parametrize("frames", [0, 1, 2])
    def test_of_too_few_frames_is_unknown(self, frames):
        assert math.isnan(jitter(points(np.zeros((frames, 2))), aspect=1.0))

    def test_without_three_frames_in_a_row_is_unknown(self):
        path = np.zeros((9, 2), np.float32)
        path[2::3] = np.nan
        assert math.isnan(jitter(points(path), aspect=1.0))

    def test_of_a_face_without_width_is_unknown(self):
        assert math.isnan(jitter(points(np.zeros((5, 2)), eyes=0.0), aspect=1.0))


class TestConditions:
    """What can be made a condition, and is none by default."""

    @pytest.mark.parametrize(
        ("condition", "observed", "reason"),
        [
            (
                {"min_coverage": 0.9},
                {},
                "face in 30 of all 40 frames (75.0%), 90.0% are needed",
            ),
            ({"max_gap_seconds": 0.39}, {}, "no face for 0.40 seconds, 0.39 are allowed"),
            ({"max_changes": 0}, {"changes": 2}, "the face changes 2 times, 0 are allowed"),
            ({"max_cuts": 1}, {"cuts": 3}, "3 cuts, 1 are allowed"),
        ],
    )
    def test_makes_a_clip_invalid(self, condition, observed, reason):
        detected = np.arange(40) >= 10
        assert judged(detected, trim_ends=True, **observed).valid
        found = judged(detected, trim_ends=True, **observed, **condition)
        assert (found.valid, found.reason) == (False, reason)

    def test_limits_are_allowed(self):
        detected = np.arange(40) >= 4
        met = {"min_coverage": 0.9, "max_gap_seconds": 0.16, "max_changes": 1, "max_cuts": 2}
        assert judged(detected, trim_ends=True, changes=1, cuts=2, **met).valid

    def test_no_gap_is_too_long_without_a_limit(self):
        detected = np.ones(1000, bool)
        detected[300:390] = False
        assert not judged(detected).valid
        assert judged(detected, max_gap_frames=None).valid

    def test_numbers_of_trimmed_clips(self):
        detected = np.zeros(100, bool)
        detected[25:90] = True
        detected[50] = False
        found = judged(detected, trim_ends=True, max_cuts=0, cuts=1)
        assert (found.trimmed_start, found.trimmed_end) == pytest.approx((1.0, 0.4))
        assert found.coverage == 0.64
        assert found.detection_ratio == pytest.approx(64 / 65)
        assert (found.longest_gap, found.longest_gap_seconds) == (25, pytest.approx(1.0))
        assert (found.cuts, found.changes) == (1, 0)
        whole = judged(detected)
        assert (whole.trimmed_start, whole.trimmed_end) == (0.0, 0.0)
        assert whole.coverage == whole.detection_ratio == 0.64


def test_holes_in_time_count_as_gaps():
    times = np.array([*range(0, 400, 40), *range(2000, 2400, 40)])
    clock = even_clock(times, default_rate=25)
    found = judge(
        np.ones(20, bool), Observed(announced=20, decoded=20), clock=clock, options=QualityOptions()
    )
    # From 400 to 2000 ms nothing stands for the face.
    assert (found.longest_gap, found.longest_gap_seconds) == (40, pytest.approx(1.6))
    assert found.reason == "no face for 40 frames in a row, 30 are allowed"


class TestYaw:
    def test_left_and_right_do_not_cancel(self):
        pose = np.zeros((3, 6), np.float32)
        pose[:, 0], pose[:, 1] = [-30, 10, 20], 45
        assert mean_abs_yaw(pose) == pytest.approx(20)

    def test_frames_without_a_face_do_not_count(self):
        pose = np.full((3, 6), np.nan, np.float32)
        assert math.isnan(mean_abs_yaw(pose))
        pose[[0, 2]] = 30
        assert mean_abs_yaw(pose) == pytest.approx(30)
        assert math.isnan(mean_abs_yaw(pose[:0]))


def test_another_person_is_named_as_the_cause():
    detected = np.arange(80) < 40
    found = judged(detected, changes=1)
    assert found.reason.startswith("face in 40 of 80 frames (50.0%), 90.0% are needed;")
    assert found.reason.endswith("; another person takes the place of the one who is followed")
