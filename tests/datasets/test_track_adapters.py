"""Datasets of landmarks without videos: the user's own labels, and RAVDESS's tracks."""

import gzip
import os

import pytest

from facewave.datasets.adapters import ravdess_tracks
from facewave.landmark_tables.options import TrackTable
from tests.datasets.release_trees import notes, problems, put, read

HEADER = ",".join(["frame", *(f"x_{i},y_{i}" for i in range(68))])


def tables(clip):
    return TrackTable.from_json(clip.table)


class TestTracks:
    def test_labels_options_and_the_names_of_clips(self, tmp_path):
        put(tmp_path / "a.csv")
        put(tmp_path / "many.parquet")
        (tmp_path / "labels.csv").write_text(
            "file_path,label,track,subject,fps_hint\n"
            "a.csv,happy,,s1,\n"
            "many.parquet,sad,one,s1,30\n"
            "many.parquet,sad,two,s2,\n",
        )
        problem = problems("tracks", tmp_path, table="labels.csv")
        assert "the same as in labels.csv line 3" in problem
        text = (tmp_path / "labels.csv").read_text()
        lines = [
            f"{line},{name}" for line, name in zip(text.split(), ["clip_id", *"abc"], strict=True)
        ]
        (tmp_path / "labels.csv").write_text("\n".join(lines))
        options = {"size": [640, 480], "fps": 50, "min_confidence": 0.8, "action_units": False}
        clips = read("tracks", tmp_path, table="labels.csv", **options)
        assert [tables(clip).clip for clip in clips] == ["a", "one", "two"]
        assert [clip.fps_hint for clip in clips] == [50, 30, 50]
        assert tables(clips[0]) == TrackTable(
            clip="a", size=(640, 480), min_confidence=0.8, action_units=False
        )
        assert [clip.subject for clip in clips] == ["s1", "s1", "s2"]

    def test_a_table_of_one_clip_needs_no_name(self, tmp_path):
        put(tmp_path / "a.csv")
        (tmp_path / "labels.csv").write_text("file_path,label\na.csv,happy\n")
        (clip,) = read("tracks", tmp_path, table="labels.csv")
        assert clip.clip_id == "a"
        assert tables(clip) == TrackTable()
        assert clip.fps_hint is None


class TestRavdessTracks:
    def test_a_table_per_clip_as_in_the_release(self, tmp_path):
        for name in ("01-01-03-01-02-01-05", "01-01-01-01-01-01-06", "01-02-03-01-02-01-05"):
            put(tmp_path / "FacialTracking_Actors_01-24" / f"{name}.csv")
        clips = {clip.clip_id: clip for clip in read("ravdess_tracks", tmp_path)}
        assert set(clips) == {"01-01-03-01-02-01-05", "01-01-01-01-01-01-06"}
        clip = clips["01-01-03-01-02-01-05"]
        assert (clip.actual, clip.subject, clip.fold) == ("happy", "05", "2")
        assert clip.take == "01-03-01-02-01"
        assert tables(clip) == TrackTable(size=(1280, 720))
        assert clip.fps_hint == pytest.approx(29.97, abs=0.001)
        assert len(read("ravdess_tracks", tmp_path, vocal="both")) == 3

    def test_tables_of_many_clips_are_listed_once(self, tmp_path, monkeypatch):
        names = ["02-01-01-01-01-01-01.mp4", "02-01-08-01-01-01-01.mp4", "holiday.mp4"]
        path = tmp_path / "root" / "actor_01.csv.gz"
        path.parent.mkdir()
        numbers = ",".join("1" * 137)
        text = "\n".join([f"fname,{HEADER}", *(f"{name},{numbers}" for name in names)])
        path.write_bytes(gzip.compress(text.encode()))
        cache = tmp_path / "cache"

        def load():
            options = {"action_units": False, "cache": cache}
            return ravdess_tracks.load(options, classes=["neutral", "surprise"], root=path.parent)

        rows = load()
        assert rows.columns["clip_id"] == [name.removesuffix(".mp4") for name in names[:2]]
        assert [TrackTable.from_json(cell).clip for cell in rows.columns["table"]] == names[:2]
        assert rows.columns["file_path"] == ["actor_01.csv.gz"] * 2
        monkeypatch.setattr("facewave.datasets.files.track_files.clip_names", None)
        assert load().columns == rows.columns
        monkeypatch.undo()
        # A table with a new date is read again.
        path.write_bytes(gzip.compress(text.replace("holiday", "02-01-03-01-01-01-01").encode()))
        os.utime(path, ns=(1, 1))
        assert len(load().columns["clip_id"]) == 2  # happy is not in the class list

    def test_what_cannot_be_used_is_said(self, tmp_path, caplog):
        put(tmp_path / "01-01-03-01-02-01-05.csv")
        put(tmp_path / "copy" / "02-01-03-01-02-01-05.csv")
        assert "1 clips of takes that are there twice" in notes(caplog, "ravdess_tracks", tmp_path)
        (tmp_path / "labels.csv").write_text("file,label\nx,y\n")
        assert "labels.csv: no points" in problems("ravdess_tracks", tmp_path)
        empty = tmp_path / "empty"
        empty.mkdir()
        assert "no clips named like 01-01-03" in problems("ravdess_tracks", empty)

    def test_the_real_tables(self, real_clips):
        root = real_clips / "ravdess_68"
        if not root.is_dir():
            pytest.skip(f"no tracks of RAVDESS in {root}")
        clips = read("ravdess_tracks", root, action_units=False)
        assert len(clips) == 720
        assert len({clip.subject for clip in clips}) == 12
        assert len({clip.file_path for clip in clips}) == 12
