"""A bucket of clips to transcripts: flags, segments, and nothing heard twice."""

import dataclasses

import pytest

from facewave.speech import transcribe_bucket as module
from facewave.speech.engines import Answer, Engine, joined
from facewave.speech.transcribe_bucket import TRANSCRIPT_COLUMNS, transcribe_bucket
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.fingerprint import MISSING
from facewave.storage.store import shard_path
from facewave.storage.tables import iter_rows
from tests.speech.sound_files import FPS, noise, silence, tone, write_clip


class Ear:
    """An engine that says how long what it hears is, and counts."""

    def __init__(self):
        self.loaded, self.heard = 0, []

    def engine(self, **changes):
        engine = Engine(name="ear", model="m", revision="1", language=None, load=self.load)
        return dataclasses.replace(engine, **changes)

    def load(self):
        self.loaded += 1
        return self.hear

    def hear(self, samples):
        self.heard.append(samples.size)
        if samples.size == 8_000:
            return Answer("")
        if samples.size == 12_000:
            raise ValueError("too odd\tto hear")
        return Answer(f'{samples.size} "samples"', 0.5)


class Bucket:
    def __init__(self, folder):
        self.folder, self.rows, self.ear = folder, [], Ear()
        self.store = folder / "store"

    def add(self, clip_id, path, **options):
        self.rows.append(KeyRow(clip_id, str(path), options.pop("fingerprint", "x"), **options))

    def run(self, **changes):
        key = self.folder / "key.tsv"
        key.write_text(key_file_text(self.rows, options={}))
        silence_dbfs = changes.pop("silence_dbfs", -60.0)
        transcribe_bucket(
            key,
            index=self.folder / "index.tsv",
            store=self.store,
            engine=self.ear.engine(**changes),
            silence_dbfs=silence_dbfs,
            default_fps=25.0,
        )
        rows = iter_rows(self.folder / "index.tsv", TRANSCRIPT_COLUMNS)
        return {row["clip_id"]: row for row in rows}


@pytest.fixture
def bucket(tmp_path):
    return Bucket(tmp_path)


def test_every_kind_of_clip_has_its_flag(bucket, tmp_path):
    bucket.add("speech", write_clip(tmp_path / "a.mkv", noise(1.0)))
    bucket.add("hush", write_clip(tmp_path / "b.mkv", silence(1.0)))
    bucket.add("hum", write_clip(tmp_path / "c.mkv", tone(0.5)))
    bucket.add("mute", write_clip(tmp_path / "d.mkv"))
    bucket.add("odd", write_clip(tmp_path / "e.mkv", noise(0.75)))
    bucket.add("gone", tmp_path / "gone.mkv", fingerprint=MISSING)
    (tmp_path / "text.mkv").write_text("no video")
    bucket.add("text", tmp_path / "text.mkv")
    found = bucket.run()
    assert {name: row["flag"] for name, row in found.items()} == {
        "speech": "", "hush": "silence", "hum": "no_speech", "mute": "no_audio",
        "odd": "unreadable", "gone": "unreadable", "text": "unreadable",
    }  # fmt: skip
    speech = found["speech"]
    assert (speech["text"], speech["confidence"]) == ('16000 "samples"', "0.5")
    assert (speech["engine"], speech["model"], speech["revision"]) == ("ear", "m", "1")
    assert float(speech["seconds"]) == 1.0
    assert -20 < float(speech["level_dbfs"]) < 0
    assert found["hush"]["level_dbfs"] == ""
    assert found["odd"]["reason"] == "ear failed: too odd to hear"
    assert found["gone"]["reason"] == "the file is missing"
    assert [bool(found[name]["key"]) for name in ("speech", "hush", "mute", "odd", "gone")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_what_was_heard_is_not_heard_again(bucket, tmp_path):
    for index, seconds in enumerate((0.6, 0.7, 0.8)):
        path = write_clip(tmp_path / f"{index}.mkv", noise(seconds))
        bucket.add(f"clip{index}", path)
    first = bucket.run()
    assert (bucket.ear.loaded, len(bucket.ear.heard)) == (1, 3)
    assert bucket.run() == first
    # Where nothing is missing, the engine is not even loaded.
    assert (bucket.ear.loaded, len(bucket.ear.heard)) == (1, 3)
    shard_path(bucket.store, "transcripts", first["clip1"]["key"]).write_bytes(b"damaged")
    assert bucket.run() == first
    assert bucket.ear.heard[3:] == [11_200]


def test_a_killed_bucket_goes_on_where_it_stopped(bucket, tmp_path):
    for index, seconds in enumerate((0.6, 0.7, 0.8)):
        bucket.add(f"clip{index}", write_clip(tmp_path / f"{index}.mkv", noise(seconds)))

    def killed(samples):
        if samples.size == 11_200:
            raise KeyboardInterrupt
        return Ear.hear(bucket.ear, samples)

    bucket.ear.hear = killed
    with pytest.raises(KeyboardInterrupt):
        bucket.run()
    assert not (tmp_path / "index.tsv").exists()
    del bucket.ear.hear
    assert len(bucket.run()) == 3
    assert bucket.ear.heard == [9_600, 11_200, 12_800]


def test_what_decides_an_answer_is_in_its_key(bucket, tmp_path, monkeypatch):
    path = write_clip(tmp_path / "a.mkv", noise(0.6))
    bucket.add("a", path)
    keys = {bucket.run()["a"]["key"]}
    changes = ({"revision": "2"}, {"model": "n"}, {"name": "nose"}, {"language": "en"})
    for change in (*changes, {"silence_dbfs": -50.0}):
        keys.add(bucket.run(**change)["a"]["key"])
    monkeypatch.setattr(module, "TRANSCRIPT_VERSION", 99)
    keys.add(bucket.run()["a"]["key"])
    write_clip(path, noise(0.9))
    keys.add(bucket.run()["a"]["key"])
    assert len(keys) == len(bucket.ear.heard) == 8


def test_segments_hear_their_part(bucket, tmp_path):
    sound = [noise(1.0), silence(1.0), noise(2.0)]
    import numpy as np

    path = write_clip(tmp_path / "long.mkv", np.concatenate(sound), frames=4 * FPS)
    for index, span in enumerate([(0, 1000), (1000, 2000), (2000, 4000)]):
        bucket.add(f"s{index}", path, span_ms=span)
    bucket.add("whole", path)
    found = bucket.run()
    assert [found[f"s{index}"]["flag"] for index in range(3)] == ["", "silence", ""]
    assert bucket.ear.heard == [16_000, 32_000, 64_000]
    assert len({row["key"] for row in found.values()}) == 4


def test_long_clips_are_heard_in_windows_without_the_silent_ones(bucket, tmp_path):
    import numpy as np

    sound = np.concatenate([noise(24.0), silence(50.0), noise(5.0)])
    bucket.add("long", write_clip(tmp_path / "long.mkv", sound, frames=10))
    row = bucket.run()["long"]
    assert len(bucket.ear.heard) == 2
    assert sum(bucket.ear.heard) < 45 * 16_000
    assert row["text"].count('"samples"') == 2


def test_confidences_weigh_by_words():
    parts = [Answer("one", 0.9), Answer(""), Answer("two three four", 0.1), Answer("five")]
    assert joined(parts) == Answer("one two three four five", pytest.approx((0.9 + 0.3) / 4))
    assert joined([Answer("")]) == Answer("", None)


def test_a_file_that_changes_while_it_is_heard(bucket, tmp_path):
    path = write_clip(tmp_path / "a.mkv", noise(0.6))
    bucket.add("a", path)

    def hear(samples):
        path.write_bytes(path.read_bytes() + b" ")
        return Answer("half of it", 0.5)

    bucket.ear.hear = hear
    row = bucket.run()["a"]
    assert (row["flag"], row["key"]) == ("unreadable", "")
    assert "changed while it was read" in row["reason"]
    assert not list(bucket.store.rglob("*.npz"))
