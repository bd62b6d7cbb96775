"""A bucket of overlays: what is made again, and what has a sentence in place of an overlay."""

import pytest

from facewave.overlay.options import OverlayOptions
from facewave.overlay.overlay_bucket import OVERLAY_COLUMNS, overlay_bucket
from facewave.storage.atomic import write_text
from facewave.storage.store import DroppedIndexError, shard_path
from facewave.storage.tables import format_rows, iter_rows
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.video.isolated import isolated_reader
from tests.overlay.overlay_files import TIMES, timeline_text, write_clip, write_shard

KEYS = {"one": "a" * 64, "two": "b" * 64, "gone": "c" * 64}
ROWS = [
    (video, "primary", 0.0, 0.6, "sad", (0.1, 0.2, 0.7), "sad", "yes")
    for video in ("one", "two", "gone")
]


class Bucket:
    """Three clips and one that could not be tracked."""

    def __init__(self, folder):
        self.folder = folder
        self.index = folder / "overlays/0000.tsv"
        self.tracks = folder / "tracks/0000.tsv"
        self.clips = {name: folder / f"{name}.mp4" for name in KEYS}
        for clip in self.clips.values():
            write_clip(clip)
        self.clips["gone"].unlink()
        self.track()
        self.answer(ROWS)

    def track(self):
        for key in KEYS.values():
            write_shard(shard_path(self.folder / "store", "tracks", key))
        rows = [
            dict.fromkeys(TRACK_COLUMNS, "")
            | {"clip_id": name, "file_path": str(self.clips[name]), "key": key}
            for name, key in KEYS.items()
        ]
        rows.append(dict.fromkeys(TRACK_COLUMNS, "") | {"clip_id": "bad", "error": "no video"})
        write_text(self.tracks, format_rows(TRACK_COLUMNS, rows))

    def answer(self, rows):
        (self.folder / "timeline.csv").write_text(timeline_text(rows), encoding="utf-8")

    def run(self, **options):
        with isolated_reader() as read:
            overlay_bucket(
                self.tracks,
                self.folder / "timeline.csv",
                index=self.index,
                folder=self.folder / "made",
                store=self.folder / "store",
                options=OverlayOptions(**{"max_height": 240, **options}),
                default_fps=25.0,
                read=read,
            )
        return {row["video"]: row for row in iter_rows(self.index, OVERLAY_COLUMNS)}

    def stamps(self):
        return {path.name: path.stat().st_mtime_ns for path in (self.folder / "made").iterdir()}


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def test_each_video_has_an_overlay_or_a_sentence(bucket):
    rows = bucket.run()
    assert {video: row["file"] for video, row in rows.items()} == {
        "one": "one.mp4",
        "two": "two.mp4",
        "gone": "",
        "bad": "",
    }
    assert rows["one"]["frames"] == str(len(TIMES))
    assert rows["gone"]["reason"] == "the file is missing"
    assert rows["bad"]["reason"] == "no video"
    assert set(bucket.stamps()) == {"one.mp4", "two.mp4"}
    # Again: nothing is made, but the one whose answers changed.
    before = bucket.stamps()
    assert bucket.run() == rows
    assert bucket.stamps() == before
    bucket.answer([*ROWS[:1], (*ROWS[1][:4], "angry", (0.9, 0, 0.1), "angry", "no"), ROWS[2]])
    after = bucket.run()
    assert after["one"] == rows["one"]
    assert after["two"]["key"] != rows["two"]["key"]
    assert bucket.stamps()["one.mp4"] == before["one.mp4"]
    assert bucket.stamps()["two.mp4"] != before["two.mp4"]


def test_a_damaged_trajectory_drops_its_index(bucket):
    shard = shard_path(bucket.folder / "store", "tracks", KEYS["two"])
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DroppedIndexError):
        bucket.run()
    assert not bucket.tracks.exists()
    assert not bucket.index.exists()
    before = bucket.stamps()
    assert set(before) == {"one.mp4"}
    # With the shard made again the job goes on where it was.
    bucket.track()
    assert bucket.run()["two"]["file"] == "two.mp4"
    assert bucket.stamps()["one.mp4"] == before["one.mp4"]
