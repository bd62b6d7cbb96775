"""The lists of RAVDESS and CREMA-D, and clips that are planned before they are there."""

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from facewave.config.check import check_config, dataset_config
from facewave.datasets.adapters import crema_d, ravdess
from facewave.datasets.load import load_clips
from facewave.downloads.release import (
    announcement,
    missing_parts,
    open_release,
    receipt,
    receipt_path,
    size_of,
)
from facewave.manifest.clips import ManifestError, NotThereYetError
from facewave.planning.downloads import parts_to_download, plan_download, wanting_download
from facewave.storage.atomic import write_json


def options(root, adapter="ravdess", **given):
    given = {"adapter": adapter, "root": str(root), "download": {}, **given}
    config = check_config({"enabled": ["d"], "datasets": {"d": given}})
    return dataset_config(config, "d")


def load(given, folder):
    return load_clips("d", given, classes=given["classes"], seed=1, demo_root=folder)


def put(root, part, clips=None):
    for clip in clips or part.clips:
        (root / clip).parent.mkdir(parents=True, exist_ok=True)
        (root / clip).write_bytes(b"video")


class TestLists:
    @pytest.mark.parametrize("adapter", [ravdess, crema_d])
    def test_clips_are_those_that_were_published(self, adapter, tmp_path):
        name = adapter.__name__.rpartition(".")[2]
        given = options(tmp_path, name)
        clips = load(given, tmp_path)
        published = adapter.RELEASE.published[str(len(given["classes"]))][0]
        assert len(clips) == published.total
        assert Counter(clip.actual for clip in clips) == published.per_class
        assert len({clip.fingerprint for clip in clips}) == len(clips)

    def test_sizes_and_checksums(self, tmp_path):
        release = open_release(options(tmp_path))
        assert size_of(release.parts) == pytest.approx(12.44 * 2**30, rel=1e-3)
        sums = [part.files[0].checksum for part in release.parts]
        assert len(set(sums)) == 24
        assert {len(text) for text in sums} == {len("md5:") + 32}
        both = open_release(options(tmp_path, modality="both"))
        assert sum(len(part.clips) for part in both.parts) == 2880
        clips = open_release(options(tmp_path, "crema_d"))
        assert size_of(clips.parts) == pytest.approx(2.443e9, rel=1e-4)
        assert {len(f.checksum) for part in clips.parts for f in part.files} == {
            len("sha256:") + 64
        }

    def test_actors_and_a_mirror(self, tmp_path):
        given = options(
            tmp_path, actors=[2, 5], download={"url": "http://mirror/x", "allow_http": True}
        )
        release = open_release(given)
        assert [part.actor for part in release.parts] == [2, 5]
        assert release.url == "http://mirror/x/"
        text = announcement(release, release.parts)
        assert "120 clips" in text
        assert "2 files, 1.1 GB" in text
        assert "CC BY-NC-SA 4.0" in text
        assert {clip.subject for clip in load(given, tmp_path)} == {"02", "05"}


class TestPlanned:
    def test_rows_are_the_same_before_and_after(self, tmp_path):
        given = options(tmp_path / "root", actors=[1, 2])
        before = load(given, tmp_path)
        assert len(before) == 120
        assert not any(clip.missing for clip in before)
        for part in open_release(given).parts:
            put(tmp_path / "root", part)
            listed = receipt(tmp_path / "root", part.clips)
            write_json(receipt_path(tmp_path / "root", part.name), listed)
        assert load(given, tmp_path) == before

    def test_own_files_have_no_fingerprint_of_the_list(self, tmp_path):
        given = options(tmp_path / "root", actors=[1, 2])
        first, second = open_release(given).parts
        put(tmp_path / "root", first)
        clips = load(given, tmp_path)
        assert {clip.subject for clip in clips if clip.fingerprint is None} == {"01"}
        assert missing_parts(open_release(given), first.clips) == (second,)
        put(tmp_path / "root", second)
        assert {clip.fingerprint for clip in load(given, tmp_path)} == {None}

    def test_a_marker_goes_when_it_is_not_true_and_stays_an_input(self, tmp_path, capsys):
        given, marker = options(tmp_path / "root", actors=[1]), tmp_path / "download.json"
        (part,) = open_release(given).parts
        assert plan_download("d", given, marker, write=True)
        assert "dataset d: RAVDESS (speech): 60 clips are not there" in capsys.readouterr().err
        put(tmp_path / "root", part)
        assert not plan_download("d", given, marker, write=True)
        marker.touch()
        assert plan_download("d", given, marker, write=True)
        (tmp_path / "root" / part.clips[0]).unlink()
        assert plan_download("d", given, marker, write=False)
        assert marker.exists()
        assert plan_download("d", given, marker, write=True)
        assert not marker.exists()

    @pytest.mark.parametrize("name", ["ravdess", "crema_d"])
    def test_a_subset_needs_only_what_it_holds(self, name, tmp_path):
        given = options(tmp_path / "root", name, subset=3)
        wanted = {Path(clip.file_path).stem for clip in load(given, tmp_path)}
        assert len(wanted) == 3
        ((_, asked),) = wanting_download("d", given, seed=1)
        parts = parts_to_download(asked)
        found = [PurePosixPath(clip).stem for part in parts for clip in part.clips]
        assert wanted <= set(found)
        # RAVDESS has an archive per actor, CREMA-D a file per clip.
        assert sum(len(part.files) for part in parts) <= 3
        assert all(wanted & {PurePosixPath(clip).stem for clip in part.clips} for part in parts)
        for part in parts:
            put(tmp_path / "root", part)
        assert parts_to_download(asked) == ()

    def test_segments_need_the_videos(self, tmp_path):
        given = options(tmp_path, segments={"seconds": 1})
        with pytest.raises(NotThereYetError, match="snakemake download"):
            load(given, tmp_path)

    def test_song_is_refused(self, tmp_path):
        with pytest.raises(ManifestError, match="vocal: song: only the videos of speech"):
            load(options(tmp_path, vocal="song"), tmp_path)

    def test_without_download_a_root_is_needed(self, tmp_path):
        with pytest.raises(ManifestError, match="no such folder"):
            load(options(Path(tmp_path / "nowhere"), download=None), tmp_path)
