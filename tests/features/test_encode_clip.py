"""One trajectory shard to one feature shard: gaps, groups of columns, numbers computed by hand."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facewave.features import haar
from facewave.features.encode_clip import encode_clip, judge_clip
from facewave.features.groups import WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.storage.store import DamagedShardError, read_metadata, read_shard
from facewave.tracking.trajectory import open_trajectory
from facewave.versions import FEATURE_VERSION
from tests.features.shards import SHAPES, made_up_faces, write_trajectory

TESTS = Path(__file__).resolve().parent


@pytest.fixture
def track(tmp_path):
    return tmp_path / "track.npz"


def encode(track, *, layout="segments", coefficients=10, target=None, **quality):
    """Encode a trajectory shard; returns the quality and the feature arrays."""
    target = target or track.with_name("feature.npz")
    judged = encode_clip(
        open_trajectory(track),
        target,
        wavelet=WaveletOptions(layout, coefficients),
        quality=QualityOptions(**quality),
        provenance={"track_key": "t"},
    )
    return judged, read_shard(target)[0]


def ramp(frames):
    """Return trajectories that are the frame's number, times 1 in x, 2 in y, -1 in z."""
    time = np.arange(frames, dtype=np.float32)
    arrays = {
        name: np.broadcast_to(time.reshape(-1, *[1] * len(shape)), (frames, *shape)).copy()
        for name, shape in SHAPES.items()
    }
    arrays["landmarks"] *= np.float32([1, 2, -1])
    return arrays


def filled(values, detected):
    """Fill gaps by NumPy's linear interpolation."""
    known = np.flatnonzero(detected)
    flat = values.reshape(len(values), -1)
    columns = [np.interp(np.arange(len(values)), known, column[known]) for column in flat.T]
    return np.transpose(columns).reshape(values.shape).astype(np.float32)


class TestCode:
    def test_means_of_segments(self, track):
        write_trajectory(track, 20, arrays=ramp(20))
        judged, arrays = encode(track)
        assert (judged.valid, judged.reason) == (True, "")
        # Two frames a segment: 0.5, 2.5, 4.5 …
        expected = 0.5 + 2 * np.arange(10)
        np.testing.assert_allclose(arrays["blendshapes"], np.tile(expected[:, None], 52))
        for axis, factor in enumerate((1, 2, -1)):
            column = arrays["landmarks"][:, 477, axis]
            np.testing.assert_allclose(column, factor * expected, rtol=1e-6)

    def test_gaps_in_a_straight_line_change_nothing(self, track):
        write_trajectory(track, 40, arrays=ramp(40), missing=[5, slice(20, 23)])
        _, arrays = encode(track)
        expected = np.arange(40).reshape(10, 4).mean(axis=1)
        np.testing.assert_allclose(arrays["blendshapes"][:, 17], expected, rtol=1e-6)

    def test_the_ends_are_held(self, track):
        write_trajectory(track, 40, arrays=ramp(40), missing=[0, 1, 39])
        _, arrays = encode(track)
        column = arrays["blendshapes"][:, 0]
        assert column[0] == pytest.approx((2 + 2 + 2 + 3) / 4)
        assert column[9] == pytest.approx((36 + 37 + 38 + 38) / 4)

    @pytest.mark.parametrize("layout", haar.LAYOUTS)
    @pytest.mark.parametrize("coefficients", [1, 10, 16])
    def test_is_that_of_the_whole_filled_trajectory(self, track, layout, coefficients):
        arrays = made_up_faces(0, 50)
        detected = write_trajectory(track, 50, arrays=arrays, missing=[0, slice(30, 33)])
        _, code = encode(track, layout=layout, coefficients=coefficients)
        for name, shape in feature_shapes(WaveletOptions(layout, coefficients)).items():
            whole = filled(arrays[name], detected)
            expected = haar.encode(whole, layout=layout, coefficients=coefficients)
            assert code[name].shape == shape == (coefficients, *SHAPES[name])
            assert code[name].dtype == np.float32
            np.testing.assert_allclose(code[name], expected, rtol=0, atol=1e-6)

    def test_trajectories_longer_than_a_chunk_of_reading(self, track):
        frames = 4096 * 2 + 3
        arrays = made_up_faces(0, frames)
        arrays["landmarks"][:, 5:] = 0  # compresses nothing, but the sines above cost time
        detected = write_trajectory(track, frames, arrays=arrays, missing=[4095, 4096])
        _, code = encode(track)
        whole = filled(arrays["blendshapes"], detected)
        expected = haar.encode(whole, layout="segments", coefficients=10)
        np.testing.assert_allclose(code["blendshapes"], expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("group_bytes", [1, 30 * 4 * 7, 30 * 4 * 52, 30 * 4 * 1433])
    def test_groups_of_columns_give_the_bytes_of_one_go(self, track, monkeypatch, group_bytes):
        write_trajectory(track, 30, missing=[3, slice(10, 12)])
        one_go, groups = track.with_name("one.npz"), track.with_name("groups.npz")
        encode(track, target=one_go)
        monkeypatch.setattr("facewave.features.encode_clip._GROUP_BYTES", group_bytes)
        encode(track, target=groups)
        assert groups.read_bytes() == one_go.read_bytes()

    def test_numbers_stay_those_of_this_feature_version(self, track):
        # Raise FEATURE_VERSION when these change: shards in a store are then made anew.
        assert FEATURE_VERSION == 6
        write_trajectory(track, 75, missing=[slice(0, 2), slice(30, 34)])
        for layout, (first, fifth, last) in GOLDEN.items():
            _, arrays = encode(track, layout=layout)
            found = arrays["landmarks"].reshape(10, -1)[[0, 4, 9], 40]
            np.testing.assert_allclose(found, [first, fifth, last], atol=1e-5, err_msg=layout)


# Coefficients 1, 5 and 10 of the y of landmark 13, of 75 made-up frames with two gaps.
GOLDEN = {
    "paper": (0.50700, 0.55985, 0.22383),
    "segments": (0.50663, 0.55656, 0.59572),
    "pyramid": (2.22991, -0.01610, -0.00585),
}


class TestInvalidClips:
    @pytest.mark.parametrize(
        ("shard", "reason"),
        [
            ({"frames": 9}, "face in 9 frames only, 10 are needed"),
            ({"frames": 0, "error": "the file is missing"}, "the file is missing"),
            ({"frames": 20, "missing": [slice(None)]}, "no face in any of 20 frames"),
            (
                {"frames": 20, "missing": [slice(0, 3)]},
                "face in 17 of 20 frames (85.0%), 90.0% are needed",
            ),
            (
                {"frames": 20, "announced": 40},
                "truncated: 20 of 40 announced frames can be decoded",
            ),
        ],
    )
    def test_are_zeros_with_a_reason(self, track, shard, reason):
        write_trajectory(track, **shard)
        judged, arrays = encode(track)
        assert (judged.valid, judged.reason) == (False, reason)
        for name, shape in feature_shapes(WaveletOptions()).items():
            np.testing.assert_array_equal(arrays[name], np.zeros(shape, np.float32), strict=True)
        metadata = read_metadata(track.with_name("feature.npz"))
        assert metadata["quality"]["reason"] == reason

    def test_what_was_not_measured_is_null(self, track):
        write_trajectory(track, 20, missing=[slice(None)])
        encode(track)
        text = track.with_name("feature.npz").read_bytes()
        quality = read_metadata(track.with_name("feature.npz"))["quality"]
        assert quality["jitter"] is None
        assert quality["mean_abs_yaw"] is None
        assert b"NaN" not in text

    def test_a_long_gap_is_not_filled(self, track):
        write_trajectory(track, 400, missing=[slice(100, 131)])
        assert encode(track)[0].reason == "no face for 31 frames in a row, 30 are allowed"
        assert encode(track, max_gap_frames=31)[0].valid


class TestShard:
    def test_metadata(self, track):
        write_trajectory(track, 20, missing=[4])
        judged, _ = encode(track, layout="pyramid", min_detected_frames=5)
        metadata = read_metadata(track.with_name("feature.npz"))
        assert metadata["wavelet"].items() >= {"layout": "pyramid", "coefficients": 10}.items()
        assert metadata["quality_options"]["min_detected_frames"] == 5
        assert metadata["feature_version"] == FEATURE_VERSION
        assert metadata["track_key"] == "t"
        assert metadata["quality"] == vars(judged)

    def test_quality_is_measured_in_pixels(self, track):
        # 200 x 100 pixels: a nose that jumps 0.01 heights, eyes 0.2 widths or 0.4 heights apart.
        arrays = made_up_faces(0, 20)
        arrays["landmarks"][:] = 0.5
        arrays["landmarks"][:, 33, 0], arrays["landmarks"][:, 263, 0] = 0.4, 0.6
        arrays["landmarks"][::2, 1, 1] += 0.01
        write_trajectory(track, 20, arrays=arrays)
        judged = judge_clip(open_trajectory(track), QualityOptions())
        assert judged.jitter == pytest.approx(0.02 / 0.4, rel=1e-3)

    @pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
    def test_a_damaged_trajectory_gives_no_feature(self, track, damage):
        write_trajectory(track, 20)
        data = bytearray(track.read_bytes())
        if damage == "cut":
            track.write_bytes(data[:-100])
        elif damage == "flipped":
            data[3000] ^= 1
            track.write_bytes(data)
        else:
            track.unlink()
        with pytest.raises(DamagedShardError, match=r"track\.npz"):
            encode(track)
        assert not track.with_name("feature.npz").exists()


LONG_CLIP = """
import sys
from itertools import repeat
from pathlib import Path
import numpy as np
from facewave.features.groups import WaveletOptions
from facewave.features.encode_clip import encode_clip
from facewave.features.quality import QualityOptions
from facewave.storage.store import write_shard
from facewave.tracking.trajectory import open_trajectory
from tests.features.shards import SHAPES, made_up_faces

folder, frames = Path(sys.argv[1]), 30_000
part = made_up_faces(0, 1000)
arrays = {
    name: ((frames, *shape), "<f4", repeat(part[name], frames // 1000))
    for name, shape in SHAPES.items()
}
metadata = {
    "width": 1, "height": 1, "fps": 25.0, "frames_announced": frames, "frames_decoded": frames,
    "error": "", "notes": "", "unseen": "", "points": "mediapipe_478",
}
arrays |= {
    "timestamp_ms": 40 * np.arange(frames),
    "face_count": np.ones(frames, np.uint8),
    "frame": np.arange(frames, dtype=np.int32),
    "person": np.zeros(frames, np.int32),
    "cuts": np.zeros(0, np.int32),
    "box": np.full((frames, 4), 0.5, np.float32),
}
write_shard(folder / "t.npz", arrays, metadata)
judged = encode_clip(
    open_trajectory(folder / "t.npz"),
    folder / "f.npz",
    wavelet=WaveletOptions(),
    quality=QualityOptions(),
    provenance={},
)
assert judged.valid
# Not getrusage: its peak includes that of the process that started this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].removesuffix(" kB")) // 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_memory_does_not_grow_with_the_clip(tmp_path):
    # The landmarks of 30,000 frames (20 minutes) take 164 MiB at once, and as much again to fill.
    done = subprocess.run(
        [sys.executable, "-c", LONG_CLIP, str(tmp_path)],
        env={"PYTHONPATH": f"{TESTS.parents[1]}:{TESTS}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 230
