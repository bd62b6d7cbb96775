import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.evaluation.units import Origin, join_windows, read_origins, units_of, videos_of
from facewave.manifest.clips import Clip, write_manifest
from tests.splits.split_files import toy, write_split


def origins(*lines):
    """Return where the clips 0, 1, ... come from: subject, source and file."""
    return {str(number): Origin(*line) for number, line in enumerate(lines)}


def found(lines):
    units = units_of(list(lines), lines)
    return units.kind, units.of_clip.tolist()


def test_a_person_is_one_unit_whatever_the_recording():
    lines = origins(("a", "film", "1"), ("a", None, "2"), ("b", "film", "3"))
    assert found(lines) == ("subjects", [0, 0, 1])
    assert units_of(list(lines), lines).count == 2


def test_without_people_the_recording_is_one_unit():
    lines = origins((None, "x", "1"), (None, "y", "2"), (None, "x", "3"))
    assert found(lines) == ("source videos", [0, 1, 0])


def test_windows_of_a_video_are_one_unit():
    lines = origins((None, None, "v"), (None, None, "w"), (None, None, "v"))
    assert found(lines) == ("videos", [0, 1, 0])


def test_files_of_one_clip_each_are_clips():
    assert found(origins((None, None, "v"), (None, None, "w"))) == ("clips", [0, 1])
    assert units_of(["x", "y"], {}).kind == "clips"


def test_units_of_several_kinds_are_told():
    lines = origins(("a", None, "1"), (None, None, "2"), ("a", None, "3"))
    assert found(lines) == ("subjects and clips", [0, 1, 0])


def test_one_person_alone_cannot_be_drawn():
    lines = origins(("a", "x", "1"), ("a", "x", "2"), ("a", "y", "3"))
    assert found(lines) == ("source videos", [0, 0, 1])
    assert found(origins(("a", None, "1"), ("a", None, "2"))) == ("clips", [0, 1])
    assert found(origins(("a", "x", "1"))) == ("clips", [0])


def test_answers_of_windows_are_joined_by_hand():
    probabilities = np.float32([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7], [0.9, 0.1]])
    valid = np.array([True, True, False, False])
    joined = join_windows(probabilities, valid, np.array([0, 0, 0, 1]))
    # The third window has no face; of the second video there is nothing else.
    np.testing.assert_allclose(joined, [[0.35, 0.65], [0.9, 0.1]], atol=1e-6)


def test_videos_are_known_where_windows_agree():
    lines = origins(("a", None, "v"), ("a", None, "w"), ("a", None, "v"))
    assert videos_of(list(lines), np.array([1, 0, 1]), lines).tolist() == [0, 1, 0]
    assert videos_of(list(lines), np.array([1, 0, 0]), lines) is None
    assert videos_of(["x", "y"], np.array([0, 0]), {}) is None


def test_origins_are_read_from_manifests_and_splits(tmp_path):
    clip = Clip(
        clip_id="c", file_path="c.mp4", video_idx=0, label=0, actual="neutral", source="film"
    )
    write_manifest([clip], tmp_path / "manifest.parquet", tmp_path / "manifest.csv", metadata={})
    split = write_split(tmp_path / "test.parquet", toy(2) | {"subject": ["a", "b"]})
    known = read_origins([tmp_path / "manifest.parquet", split])
    assert known["c"] == Origin(None, "film", "c.mp4")
    assert known["s0_001"] == Origin("b", None, "s0_001")
    pq.write_table(pa.table({"clip_id": ["x"]}), tmp_path / "old.parquet")
    with pytest.raises(ValueError, match=r"old\.parquet"):
        read_origins([tmp_path / "old.parquet"])
