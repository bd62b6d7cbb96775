"""Clips of different datasets that look alike."""

import random

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.splits.near_duplicates import (
    PAIR_COLUMNS,
    Pair,
    clip_hashes,
    compare_datasets,
    dhash,
    find_pairs,
    hash_bucket,
    read_hashes,
)
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.video.decode import UnreadableVideoError
from tests.video.media import beside, face_frames, flat_frames, write_video

hashes = st.dictionaries(
    st.sampled_from([f"c{i}" for i in range(9)]),
    st.lists(st.sampled_from([0, 1, 3, 0xFF, 2**63, 2**64 - 1]), max_size=3),
    max_size=6,
)


def distance(one, other):
    return bin(one ^ other).count("1")


def textured(seed, *, width=96, height=72):
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def clip(path, seeds, **options):
    return write_video(path, [textured(seed) for seed in seeds for _ in range(4)], **options)


@settings(max_examples=80, deadline=None)
@given(hashes, hashes, st.integers(1, 3), st.integers(0, 14))
def test_pairs_are_those_of_a_plain_search(a, b, min_frames, max_distance):
    expected = set()
    for one, left in a.items():
        for other, right in b.items():
            alike = [[distance(x, y) <= max_distance for y in right] for x in left]
            of_left = sum(map(any, alike))
            of_right = sum(map(any, zip(*alike, strict=True)))
            needed = min(min_frames, len(left), len(right))
            if left and right and of_left >= needed and of_right >= needed:
                expected.add((one, other, of_left))
    found = list(find_pairs(a, b, min_frames=min_frames, max_distance=max_distance))
    assert {(pair.a, pair.b, pair.frames_alike) for pair in found} == expected
    assert all(0 <= pair.distance <= max_distance for pair in found)


def test_many_clips_are_compared_in_blocks(monkeypatch):
    import facewave.splits.near_duplicates as module

    rng = random.Random(1)
    a = {f"a{i}": [rng.getrandbits(64) for _ in range(3)] for i in range(200)}
    b = {f"b{i}": [rng.getrandbits(64) for _ in range(3)] for i in range(100)}
    b["b7"] = [a["a150"][0] ^ 1, a["a150"][1], 5]
    monkeypatch.setattr(module, "_BLOCK", 50)
    monkeypatch.setattr(module, "_CLIPS", 64)
    assert list(find_pairs(a, b, min_frames=2, max_distance=6)) == [Pair("a150", "b7", 2, 0.5)]


def test_the_hash_survives_scaling_coding_and_brightness():
    frame = textured(3, width=320, height=240)
    small = cv2.resize(frame, (160, 120), interpolation=cv2.INTER_AREA)
    coded = cv2.imdecode(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)
    dark = np.uint8(coded * 0.8)
    assert distance(dhash(frame), dhash(dark)) <= 4
    assert distance(dhash(frame), dhash(textured(4))) > 16


def test_a_frame_without_contrast_has_no_hash():
    assert dhash(np.full((48, 64, 3), 7, np.uint8)) is None


def test_a_clip_coded_anew_is_found(tmp_path):
    first = clip(tmp_path / "a.mp4", [1, 2, 3])
    again = clip(tmp_path / "b.avi", [1, 2, 3], codec="MJPG", fps=12)
    other = clip(tmp_path / "c.mp4", [4, 5, 6])
    one, two, three = ({p.stem: clip_hashes(p, frames=3, fps=25)} for p in (first, again, other))
    assert [pair.b for pair in find_pairs(one, {**two, **three}, min_frames=2, max_distance=6)] == [
        "b"
    ]


def test_black_frames_are_passed_over(tmp_path):
    dark = list(flat_frames(6, width=96, height=72))
    path = write_video(tmp_path / "a.mp4", [*dark, *(textured(1) for _ in range(12))])
    assert len(clip_hashes(path, frames=3, fps=25)) == 3
    flat = write_video(tmp_path / "b.mp4", dark)
    assert clip_hashes(flat, frames=3, fps=25) == []


def test_folders_of_frames_and_what_cannot_be_decoded(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), textured(i))
    values = clip_hashes(tmp_path, frames=3, fps=25)
    assert values == [dhash(cv2.cvtColor(textured(i), cv2.COLOR_BGR2RGB)) for i in range(3)]
    assert len(clip_hashes(tmp_path, frames=9, fps=25)) <= 9
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(UnreadableVideoError, match="not a video file"):
        clip_hashes(tmp_path / "x.mp4", frames=3, fps=25)


def test_a_bucket_and_back(tmp_path):
    path = clip(tmp_path / "a.mp4", [1, 2])
    rows = [KeyRow("a", str(path), "x"), KeyRow("gone", str(tmp_path / "gone.mp4"), "missing")]
    (tmp_path / "key.tsv").write_text(key_file_text(rows, options={}))
    hash_bucket(tmp_path / "key.tsv", table=tmp_path / "t.tsv", frames=2, default_fps=25)
    found = read_hashes([tmp_path / "t.tsv"])
    assert found == {"a": clip_hashes(path, frames=2, fps=25), "gone": []}


def test_rows_say_where_the_clips_belong():
    about = {
        "one": {"a": {"actual": "sad", "fold": "2", "split": None}},
        "two": {"b": {"actual": "happy", "fold": None, "split": "test"}},
    }
    pairs = {"one": {"a": [7, 9]}, "two": {"b": [7, 8]}, "three": {}}
    (row,) = compare_datasets(pairs, about, min_frames=2, max_distance=1)
    assert set(row) == set(PAIR_COLUMNS)
    assert [row[name] for name in PAIR_COLUMNS] == [
        "one", "a", "sad", "2", None, "two", "b", "happy", None, "test", 2, "0.5",
    ]  # fmt: skip
    assert list(compare_datasets({"one": {"a": [7]}}, about, min_frames=1, max_distance=1)) == []


@pytest.mark.parametrize("frames", [1, 5])
def test_faces_of_one_person_are_not_all_alike(tmp_path, frames):
    person = write_video(tmp_path / "a.mp4", face_frames(12))
    moved = write_video(tmp_path / "b.mp4", beside(face_frames(12), face_frames(12)))
    values = [clip_hashes(path, frames=frames, fps=25) for path in (person, moved)]
    assert not list(find_pairs({"a": values[0]}, {"b": values[1]}, min_frames=2, max_distance=6))
