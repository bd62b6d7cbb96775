"""Buckets and key files: the same everywhere, and any path comes back."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, auto_buckets, bucket_of, key_file_text, read_key_file

clip_ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,20}", fullmatch=True)
paths = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
rates = st.none() | st.floats(0.01, 1000)
key_rows = st.builds(KeyRow, clip_ids, paths, paths, rates)


@pytest.fixture(scope="module")
def key_file(tmp_path_factory):
    return tmp_path_factory.mktemp("keys") / "0000.tsv"


class TestBucketOf:
    @pytest.mark.parametrize(
        ("clip_id", "buckets", "expected"),
        # Another value would move every clip of every dataset to another bucket.
        [
            ("s01_happy_t1", 4, "0002"),
            ("s01_happy_t1", 1024, "0230"),
            ("clip", 16, "0003"),
            ("a", 7, "0002"),
        ],
    )
    def test_stays_the_same(self, clip_id, buckets, expected):
        assert bucket_of(clip_id, buckets) == expected

    def test_spreads_clips_evenly(self):
        counts = Counter(bucket_of(f"clip_{i:05}", 64) for i in range(12_800))
        assert sorted(counts) == [f"{i:04}" for i in range(64)]
        # 200 expected in each; five standard deviations are 70.
        assert 130 < min(counts.values()) <= max(counts.values()) < 270

    def test_one_bucket(self):
        assert {bucket_of(name, 1) for name in "abc"} == {"0000"}

    @settings(max_examples=30, deadline=None)
    @given(clip_ids, st.integers(1, 20_000))
    def test_is_a_number_below_the_count(self, clip_id, buckets):
        name = bucket_of(clip_id, buckets)
        assert 0 <= int(name) < buckets
        assert len(name) >= 4


@pytest.mark.parametrize(
    ("clips", "buckets"),
    [
        (0, 4),
        (1, 4),
        (64, 4),
        (65, 8),
        (1024, 64),
        (4096, 64),
        (4097, 128),
        (16_372, 256),
        (32_768, 512),
        (100_000, 512),
        (131_073, 1024),
    ],
)
def test_number_of_buckets(clips, buckets):
    assert auto_buckets(clips) == buckets


class TestKeyFile:
    @settings(max_examples=80, deadline=None)
    @given(st.lists(key_rows, max_size=5, unique_by=lambda row: row.clip_id))
    def test_comes_back_whatever_the_paths_are(self, key_file, rows):
        write_text(key_file, key_file_text(rows, options={"max_faces": 1}))
        assert read_key_file(key_file) == sorted(rows, key=lambda row: row.clip_id)

    @pytest.mark.parametrize("path", ["a\tb", "a\nb", "a\rb", 'a"b', "a'b", " ", "#a", "é中", "%d"])
    def test_odd_paths(self, key_file, path):
        row = KeyRow("c", path, "stat:1-2-3-4")
        write_text(key_file, key_file_text([row], options={}))
        assert read_key_file(key_file) == [row]

    def test_text(self):
        rows = [KeyRow("b", "/b.mp4", "missing"), KeyRow("a", "/a.mp4", "stat:1", 29.97)]
        text = key_file_text(rows, options={"z": None, "model": "ü", "a": [1, 0.5]})
        first, *table = text.splitlines()
        assert first == '# {"a":[1,0.5],"model":"\\u00fc","z":null}'
        assert table == [
            "clip_id\tfile_path\tfingerprint\tfps_hint",
            "a\t/a.mp4\tstat:1\t29.97",
            "b\t/b.mp4\tmissing\t",
        ]
        assert json.loads(first[2:])["model"] == "ü"

    def test_does_not_depend_on_the_order_of_clips_and_options(self):
        rows = [KeyRow(name, f"/{name}.mp4", "f") for name in "abc"]
        text = key_file_text(rows, options={"a": 1, "b": 2})
        assert key_file_text(rows[::-1], options={"b": 2, "a": 1}) == text

    def test_an_option_with_a_line_break_stays_a_comment(self, key_file):
        write_text(key_file, key_file_text([KeyRow("c", "/c", "f")], options={"a": "x\ny\u2028"}))
        assert [row.clip_id for row in read_key_file(key_file)] == ["c"]
