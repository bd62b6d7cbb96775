"""The adapter of a folder for each class."""

from tests.datasets.release_trees import notes, problems, put, put_frames, read


class TestFolders:
    def test_a_folder_for_each_class(self, tmp_path, caplog):
        for name in ("happy/b.mp4", "Happiness/x/b.mp4", "sad/c.MOV", "note.txt"):
            put(tmp_path / name)
        put_frames(tmp_path / "sad" / "clip7")
        put(tmp_path / "loose.mp4")
        clips = {
            clip.file_path[len(str(tmp_path)) + 1 :]: clip
            for clip in read("folders", tmp_path, fps=12)
        }
        assert {name: clip.actual for name, clip in clips.items()} == {
            "happy/b.mp4": "happy", "Happiness/x/b.mp4": "happy", "sad/c.MOV": "sad",
            "sad/clip7": "sad",
        }  # fmt: skip
        assert clips["sad/clip7"].fps_hint == 12
        assert clips["sad/c.MOV"].fps_hint is None
        assert len({clip.clip_id for clip in clips.values()}) == 4
        assert "1 clips that lie beside the folders" in notes(caplog, "folders", tmp_path)

    def test_parts_above_the_classes(self, tmp_path):
        for part in ("train", "Valid", "test"):
            put(tmp_path / part / "fear" / f"{part}1.mp4")
        clips = {clip.clip_id: clip for clip in read("folders", tmp_path)}
        assert {name: clip.split for name, clip in clips.items()} == {
            "train1": "train", "Valid1": "val", "test1": "test",
        }  # fmt: skip

    def test_pattern(self, tmp_path):
        put(tmp_path / "happy" / "S01_T3.mp4")
        put(tmp_path / "sad" / "S02_T1.mp4")
        pattern = r"(?P<subject>S\d+)_(?P<take>T\d)"
        first, second = read("folders", tmp_path, pattern=pattern)
        assert (first.subject, first.take, second.subject) == ("S01", "T3", "S02")
        put(tmp_path / "sad" / "odd.mp4")
        assert "sad/odd.mp4: does not fit pattern" in problems("folders", tmp_path, pattern=pattern)
        assert "not a regular expression" in problems("folders", tmp_path, pattern="(")
        assert "no group such as" in problems("folders", tmp_path, pattern="x")

    def test_other_folders(self, tmp_path):
        put(tmp_path / "smile" / "a.mp4")
        put(tmp_path / "raw" / "b.mp4")
        words = problems("folders", tmp_path)
        assert "smile/a.mp4: label 'smile': unknown" in words
        assert "raw/b.mp4: label 'raw': unknown" in words
        (clip,) = read("folders", tmp_path, class_map={"smile": "happy", "raw": None})
        assert clip.actual == "happy"

    def test_clips_in_no_folder_of_a_class(self, tmp_path, caplog):
        put(tmp_path / "a.mp4")
        put_frames(tmp_path / "b")
        clips = {clip.clip_id: (clip.label, clip.actual) for clip in read("folders", tmp_path)}
        assert clips == {"a": (None, None), "b": (None, None)}
        assert "the clips have no labels" in notes(caplog, "folders", tmp_path)
        put(tmp_path / "train" / "c.mp4")
        clips = read("folders", tmp_path, media="clips")
        assert {c.clip_id: (c.label, c.split) for c in clips} == {
            "a": (None, None), "c": (None, "train"),
        }  # fmt: skip

    def test_no_clips(self, tmp_path):
        assert "found no clips" in problems("folders", tmp_path)
