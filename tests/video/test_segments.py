"""Long videos in segments: windows, clips, keys, what is decoded, the command line."""

import shutil
from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facewave.config.check import check_config, dataset_config
from facewave.datasets.load import load_clips
from facewave.manifest.clips import Clip, ManifestError, read_manifest, write_manifest
from facewave.splits.leaks import SplitClip
from facewave.splits.partition import SplitOptions, assign_parts
from facewave.storage.buckets import KEY_COLUMNS, KeyRow, key_file_text, read_key_file
from facewave.storage.store import read_shard
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_key
from facewave.tracking.track_clip import TrackJob, track_clip
from facewave.video import segments as module
from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video
from facewave.video.scene_lists import SceneListError, read_scenes
from facewave.video.segments import Length, SegmentOptions, measure, split_clips, windows
from tests.tracking.fake_faces import scripted
from tests.video.media import face_frames, flat_frames, write_mjpeg, write_video
from tests.workflow.workflow import (
    bucket_files,
    computed,
    shards,
    snakemake,
    write_config,
    write_labels,
)

OPTIONS = {"seconds": 1, "overlap": 0.5}


def clip_of(path, name="talk", **values):
    return Clip(name, str(path), 0, 0, "happy", **values)


LISTED = """Timecode List:,00:00:01.600
Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode
1,1,00:00:00.000,0.000,16,00:00:01.600
2,17,00:00:01.600,1.600,31,00:00:03.100
"""


def test_windows_do_not_cross_the_cuts_that_are_listed(tmp_path):
    path = write_video(tmp_path / "talk.mp4", flat_frames(30), fps=10)
    options = {"seconds": 1, "scenes": str(tmp_path / "lists")}
    with pytest.raises(
        ManifestError, match=r"(?s)talk-Scenes.csv: No such file.*list-scenes"
    ) as error:
        split_clips([clip_of(path)], options)
    assert "1 problem" in str(error.value)
    (tmp_path / "lists").mkdir()
    listed = tmp_path / "lists" / "talk-Scenes.csv"
    listed.write_text(LISTED)
    found = [clip.frames for clip in split_clips([clip_of(path)], options)]
    assert found == [(0, 10), (6, 16), (16, 26), (20, 30)]
    options["seconds"] = 60
    assert [clip.frames for clip in split_clips([clip_of(path)], options)] == [(0, 16), (16, 30)]
    (tmp_path / "b").mkdir()
    twin = shutil.copy(path, tmp_path / "b" / "talk.mp4")
    with pytest.raises(ManifestError, match="would have the same name"):
        split_clips([clip_of(path), clip_of(twin, name="twin")], options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "no columns `Start Frame` and `End Frame`"),
        ("Start Frame,End Frame\n", "it lists no scene"),
        ("Start Frame,End Frame\n1,x\n", "line 2: expected numbers of frames"),
        ("Start Frame,End Frame\n1,9\n5,12\n", "line 3: found frames 5 to 12"),
    ],
)
def test_what_is_no_list_of_scenes_is_refused(tmp_path, text, message):
    (tmp_path / "x-Scenes.csv").write_text(text)
    with pytest.raises(SceneListError, match=message):
        read_scenes(tmp_path / "x-Scenes.csv")


@given(
    frames=st.integers(1, 3000),
    fps=st.floats(5, 120),
    seconds=st.floats(0.1, 60),
    overlap=st.floats(0, 0.9),
)
def test_windows_cover_every_frame_and_are_equally_long(frames, fps, seconds, overlap):
    options = SegmentOptions(seconds=seconds, overlap=overlap)
    found = windows(Length(frames=frames, fps=fps), options)
    size = min(frames, max(1, round(seconds * fps)))
    assert {end - start for start, end in found} == {size}
    assert (found[0][0], found[-1][1]) == (0, frames)
    starts = [start for start, _ in found]
    assert starts == sorted(set(starts))
    assert all(b - a <= size for a, b in pairwise(starts))


def test_windows_with_overlap_and_a_last_one_that_ends_with_the_video():
    length = Length(frames=30, fps=10)
    assert windows(length, SegmentOptions(seconds=1)) == [(0, 10), (10, 20), (20, 30)]
    assert windows(length, SegmentOptions(seconds=2, overlap=0.5)) == [(0, 20), (10, 30)]
    assert windows(length, SegmentOptions(seconds=1.2)) == [(0, 12), (12, 24), (18, 30)]
    assert windows(length, SegmentOptions(seconds=9)) == [(0, 30)]


def test_segments_keep_what_their_clip_has(tmp_path):
    path = write_video(tmp_path / "talk.mp4", flat_frames(25), fps=10)
    whole = clip_of(path, subject="s1", fold="2", text="hello", label_distribution=(1.0, 0.0))
    found = split_clips([whole, replace(whole, clip_id="b", take="t", video_idx=1)], OPTIONS)
    assert [clip.clip_id for clip in found[:4]] == [f"talk__{i:03d}" for i in range(4)]
    assert [clip.frames for clip in found[:4]] == [(0, 10), (5, 15), (10, 20), (15, 25)]
    assert [clip.take for clip in found] == ["talk"] * 4 + ["t"] * 4
    assert [clip.video_idx for clip in found] == list(range(8))
    first = replace(found[0], clip_id="talk", take=None, start_frame=None, end_frame=None)
    assert first == whole
    assert split_clips([whole], None) == [whole]


def test_segments_go_through_the_manifest(tmp_path):
    path = write_video(tmp_path / "talk.mp4", flat_frames(25), fps=10)
    found = split_clips([clip_of(path)], OPTIONS)
    write_manifest(found, tmp_path / "m.parquet", tmp_path / "m.csv", metadata={})
    assert read_manifest(tmp_path / "m.parquet") == found
    assert (tmp_path / "m.csv").read_text().splitlines()[2].endswith(",5,15")


def test_segments_of_a_video_are_never_parted(tmp_path):
    paths = [write_video(tmp_path / f"{i}.mp4", flat_frames(20), fps=10) for i in range(4)]
    clips = [clip_of(path, name=path.stem) for path in paths]
    segments = split_clips(clips, OPTIONS)
    known = [SplitClip(c.clip_id, c.label, subject=c.subject, take=c.take) for c in segments]
    parts = assign_parts(known, fold=None, options=SplitOptions(protocol="80-10-10"))
    places = {clip.clip_id: {parts[c.clip_id] for c in segments if c.take == clip.clip_id}
              for clip in clips}  # fmt: skip
    assert all(len(place) == 1 for place in places.values())


def test_segments_within_a_joint_dataset(tmp_path):
    (tmp_path / "happy").mkdir()
    write_video(tmp_path / "happy" / "talk.mp4", flat_frames(30), fps=10)
    member = {"adapter": "folders", "root": str(tmp_path), "classes": ["happy", "sad"]}
    datasets = {
        "long": {**member, "segments": OPTIONS},
        "whole": member,
        "both": {"adapter": "joint", "datasets": ["long", "whole"], "classes": ["sad", "happy"]},
    }
    options = dataset_config(check_config({"enabled": ["both"], "datasets": datasets}), "both")
    clips = load_clips(
        "both", options, classes=options["classes"], seed=1, demo_root=tmp_path, cache=tmp_path
    )
    assert [clip.clip_id for clip in clips] == [
        *(f"long@talk__{i:03d}" for i in range(5)),
        "whole@talk",
    ]
    assert [clip.frames for clip in clips] == [*((s, s + 10) for s in range(0, 25, 5)), None]
    assert {clip.take for clip in clips} == {"long@talk", None}
    assert [clip.video_idx for clip in clips] == list(range(6))


def test_lengths_are_remembered_by_stat(tmp_path, monkeypatch):
    path = write_video(tmp_path / "talk.mp4", flat_frames(20), fps=10)
    first = split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv")
    monkeypatch.setattr(module, "measure", lambda *_, **__: pytest.fail("opened again"))
    assert split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv") == first
    monkeypatch.undo()
    write_video(path, flat_frames(40), fps=10)
    assert len(split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv")) == 7


def test_unknown_lengths_are_named_together(tmp_path):
    raw = write_mjpeg(tmp_path / "raw.mjpeg", flat_frames(9))
    frames = tmp_path / "frames"
    frames.mkdir()
    for number, frame in enumerate(flat_frames(12)):
        cv2.imwrite(str(frames / f"{number}.png"), frame)
    clips = [clip_of(raw), clip_of(frames, name="f")]
    with pytest.raises(ManifestError, match="segments: 2 problems") as caught:
        split_clips(clips, OPTIONS)
    assert "raw.mjpeg: its number of frames is not known" in str(caught.value)
    assert "frames: its frame rate is not known" in str(caught.value)
    assert measure(frames, fps_hint=6) == Length(frames=12, fps=6)
    found = split_clips([clip_of(frames, name="f", fps_hint=6)], OPTIONS)
    assert [clip.frames for clip in found] == [(0, 6), (3, 9), (6, 12)]


def test_missing_clips_stay_whole_and_long_or_equal_ids_are_handled(tmp_path):
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    whole = [clip_of(tmp_path / "gone.mp4", missing=True), clip_of(tmp_path / "bad.mp4", name="b")]
    assert split_clips(whole, OPTIONS) == [whole[0], replace(whole[1], video_idx=1)]
    path = write_video(tmp_path / "talk.mp4", flat_frames(20), fps=10)
    found = split_clips([clip_of(path, name="x" * 200), clip_of(path, name="x" * 199)], OPTIONS)
    assert max(len(clip.clip_id) for clip in found) == 200
    assert len({clip.clip_id for clip in found}) == 6
    other = write_video(tmp_path / "talk__000.mp4", flat_frames(5), fps=10)
    twice = [clip_of(path), clip_of(other, name="talk__000", missing=True)]
    with pytest.raises(ManifestError, match="clip_id 'talk__000': a clip is called like a segment"):
        split_clips(twice, OPTIONS)


def test_key_files_without_segments_are_what_they_were(tmp_path):
    plain = KeyRow("a", "a.mp4", "f", 25.0)
    text = key_file_text([plain], options={})
    assert text.splitlines()[1] == "\t".join(KEY_COLUMNS)
    rows = [plain, KeyRow("b__001", "b.mp4", "f", None, (10, 20))]
    (tmp_path / "keys.tsv").write_text(key_file_text(rows, options={}))
    assert read_key_file(tmp_path / "keys.tsv") == rows


def test_key_of_a_segment_holds_its_frames():
    options = TrackOptions(LandmarkerOptions(), 25.0, "m")
    keys = {track_key("c", fps=25, options=options, frames=f) for f in (None, (0, 9), (0, 10))}
    assert len(keys) == 3


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv", "folder"])
def test_only_the_frames_of_the_range_are_read(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    if suffix == "folder":
        path.mkdir()
        for number, frame in enumerate(flat_frames(30)):
            cv2.imwrite(str(path / f"{number}.png"), frame)
    else:
        write_video(path, flat_frames(30))
    with open_video(path, default_fps=25) as video:
        whole = list(video.frames())
    with open_video(path, default_fps=25) as video:
        video.restrict(11, 17)
        part = list(video.frames())
        assert (video.frames_announced, video.frames_decoded) == (6, 6)
    np.testing.assert_array_equal(part, whole[11:17])
    with open_video(path, default_fps=25) as video:
        video.restrict(28, 34)
        assert len(list(video.frames())) == 2
        assert video.frames_announced == 6


def test_a_segment_is_tracked_as_if_it_were_the_clip(tmp_path, monkeypatch):
    path = write_video(tmp_path / "clip.mp4", flat_frames(20), fps=10)
    opened = scripted(monkeypatch, [[(0.5, 0.5, 0.3)]] * 5)
    shard = tmp_path / "shard.npz"
    job = TrackJob(
        video_path=path,
        shard=shard,
        model=tmp_path,
        options=LandmarkerOptions(),
        default_fps=25,
        provenance={},
        frames=(10, 15),
    )
    summary = track_clip(job)
    assert (summary.frames, summary.frames_announced, summary.detected) == (5, 5, 5)
    assert opened[0].times == [0, 100, 200, 300, 400]
    assert read_shard(shard)[0]["timestamp_ms"].tolist() == opened[0].times
    beyond = track_clip(replace(job, frames=(25, 30)))
    assert "no frame can be decoded" in beyond.error
    with pytest.raises(UnreadableVideoError), open_video(tmp_path / "none.mp4", default_fps=25):
        pass


@pytest.mark.workflow
def test_segments_and_their_crops_on_the_command_line(tmp_path, landmarker_model):
    (tmp_path / "videos").mkdir()
    shutil.copy2(landmarker_model, tmp_path / "model.task")
    write_video(tmp_path / "videos" / "long.mp4", face_frames(30), fps=12)
    write_labels(tmp_path, [("long.mp4", "happy", "s1")])
    table = {"adapter": "table", "root": "videos", "table": "labels.csv"}
    write_config(tmp_path, datasets={"small": {**table, "segments": OPTIONS}}, buckets=1)
    snakemake(tmp_path, "features", "face_crops")
    results = tmp_path / "results" / "small"
    manifest = pq.read_table(results / "manifest.parquet").to_pylist()
    assert [(row["clip_id"], row["start_frame"], row["end_frame"]) for row in manifest] == [
        (f"long__{i:03d}", start, start + 12) for i, start in enumerate((0, 6, 12, 18))
    ]
    features = "".join(bucket_files(tmp_path, "features").values())
    assert features.count("\ttrue\t") == len(shards(tmp_path, "features")) == 4
    pictures = sorted((results / "face_crops").rglob("*.jpg"))
    assert [path.name[:9] for path in pictures] == [f"long__{i:03d}" for i in range(4)]
    grid = cv2.imread(str(pictures[0]))
    assert grid.shape == (672, 672, 3)
    assert grid[:224, :224].std() > 20
    before = shards(tmp_path, "tracks")
    wider = {**table, "segments": {"seconds": 1}}
    crops = {"mode": "frames", "frames": 2}
    write_config(tmp_path, datasets={"small": wider}, face_crops=crops, buckets=1)
    run = snakemake(tmp_path, "features", "face_crops")
    assert run.jobs["build_manifest"] == run.jobs["crop_faces"] == 1
    # 0-12, 12-24 and 18-30 are there already.
    assert computed(before, shards(tmp_path, "tracks")) == set()
    assert len(list((results / "face_crops").rglob("*.jpg"))) == 6
    # Segments as a part of a joint dataset: the same frames, and so the same shards.
    others = {"adapter": "folders", "root": "others", "classes": ["happy", "surprise"]}
    (tmp_path / "others" / "surprise").mkdir(parents=True)
    write_video(tmp_path / "others" / "surprise" / "short.mp4", face_frames(12), fps=12)
    joint = {"adapter": "joint", "datasets": ["talks", "others"], "classes": others["classes"]}
    datasets = {"talks": wider, "others": others, "joint": joint}
    write_config(tmp_path, datasets=datasets, enabled=["joint"], buckets=1)
    snakemake(tmp_path, "features")
    rows = pq.read_table(tmp_path / "results" / "joint" / "manifest.parquet").to_pylist()
    assert [(row["clip_id"], row["take"], row["start_frame"]) for row in rows] == [
        ("talks@long__000", "talks@long", 0),
        ("talks@long__001", "talks@long", 12),
        ("talks@long__002", "talks@long", 18),
        ("others@short", None, None),
    ]
    assert len(computed(before, shards(tmp_path, "tracks"))) == 1
    joint["segments"] = OPTIONS
    write_config(tmp_path, datasets=datasets, enabled=["joint"], buckets=1)
    refused = snakemake(tmp_path, "features", check=False)
    assert "datasets.joint.segments: found an unknown key" in refused.output


@pytest.mark.workflow
def test_a_whole_video_and_its_segments_are_never_parted(tmp_path, landmarker_model):
    (tmp_path / "videos").mkdir()
    shutil.copy2(landmarker_model, tmp_path / "model.task")
    talks = [write_video(tmp_path / "videos" / f"{i}.mp4", face_frames(4 + i)) for i in range(4)]
    shutil.copytree(tmp_path / "videos", tmp_path / "copies" / "train" / "happy")
    parts = ["train", "train", "val", "test"]
    lines = [f"{path.name},happy,{part}" for path, part in zip(talks, parts, strict=True)]
    (tmp_path / "videos" / "labels.csv").write_text("\n".join(["file_path,label,split", *lines]))
    datasets = {
        "cut": {"adapter": "table", "root": "videos", "table": "labels.csv", "segments": OPTIONS},
        "whole": {"adapter": "folders", "root": "copies"},
        "both": {"adapter": "joint", "datasets": ["cut", "whole"], "keep_folds": True},
    }
    split = {"protocol": "manifest"}
    write_config(tmp_path, datasets=datasets, enabled=["both"], buckets=1, split=split)
    refused = snakemake(tmp_path, "splits", check=False)
    log = (tmp_path / "results/both/logs/build_splits/manifest.log").read_text()
    assert refused.code != 0
    assert "2 clips with identical bytes in more than one part" in log
    assert "cut@3__000 in test, whole@3 in train" in log
    assert "cut@0" not in log
