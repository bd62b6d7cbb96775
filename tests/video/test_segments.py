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
from facewave.storage.store import DamagedShardError
from facewave.tracking.trajectory import open_trajectory
from facewave.video.open import Length, measure, open_video
from facewave.video.scene_lists import SceneListError, read_scenes
from facewave.video.segments import SegmentOptions, split_clips, windows
from tests.tracking.track_shards import write_track_shard
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


HEADER = "Start Time (seconds),End Time (seconds)\n"


def clip_of(path, name="talk", **values):
    return Clip(name, str(path), 0, 0, "happy", **values)


LISTED = """Timecode List:,00:00:01.600
Scene Number,Start Frame,Start Time (seconds),End Frame,End Time (seconds)
1,1,0.000,16,1.600
2,17,1.600,31,3.100
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
    found = [clip.span_ms for clip in split_clips([clip_of(path)], options)]
    assert found == [(0, 1000), (600, 1600), (1600, 2600), (2000, 3000)]
    options["seconds"] = 60
    found = [clip.span_ms for clip in split_clips([clip_of(path)], options)]
    assert found == [(0, 1600), (1600, 3000)]
    (tmp_path / "b").mkdir()
    twin = shutil.copy(path, tmp_path / "b" / "talk.mp4")
    with pytest.raises(ManifestError, match="would have the same name"):
        split_clips([clip_of(path), clip_of(twin, name="twin")], options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", r"no columns `Start Time \(seconds\)` and `End Time \(seconds\)`"),
        (HEADER, "it lists no scene"),
        (HEADER + "1,x\n", "line 2: expected times in seconds"),
        (HEADER + "0,9\n5,12\n", "line 3: found 5 to 12 s"),
    ],
)
def test_what_is_no_list_of_scenes_is_refused(tmp_path, text, message):
    (tmp_path / "x-Scenes.csv").write_text(text)
    with pytest.raises(SceneListError, match=message):
        read_scenes(tmp_path / "x-Scenes.csv")


@given(length=st.integers(1, 600_000), seconds=st.floats(0.1, 60), overlap=st.floats(0, 0.9))
def test_windows_cover_all_of_the_time_and_are_equally_long(length, seconds, overlap):
    found = windows(length, SegmentOptions(seconds=seconds, overlap=overlap))
    size = min(length, max(1, round(1000 * seconds)))
    assert {end - start for start, end in found} == {size}
    assert found[0][0] == 0
    assert length - 100 <= found[-1][1] <= length
    starts = [start for start, _ in found]
    assert starts == sorted(set(starts))
    assert all(b - a <= size for a, b in pairwise(starts))


def test_windows_with_overlap_and_a_last_one_that_ends_with_the_video():
    def found(**options):
        return windows(3000, SegmentOptions(**options))

    assert found(seconds=1) == [(0, 1000), (1000, 2000), (2000, 3000)]
    assert found(seconds=2, overlap=0.5) == [(0, 2000), (1000, 3000)]
    assert found(seconds=1.2) == [(0, 1200), (1200, 2400), (1800, 3000)]
    assert found(seconds=9) == [(0, 3000)]
    assert found(seconds=1.48) == [(0, 1480), (1480, 2960)]  # the rest is a frame


def test_segments_keep_what_their_clip_has(tmp_path):
    path = write_video(tmp_path / "talk.mp4", flat_frames(25), fps=10)
    whole = clip_of(path, subject="s1", fold="2", text="hello", label_distribution=(1.0, 0.0))
    found = split_clips([whole, replace(whole, clip_id="b", take="t", video_idx=1)], OPTIONS)
    assert [clip.clip_id for clip in found[:4]] == [f"talk__{i:03d}" for i in range(4)]
    starts = (0, 500, 1000, 1500)
    assert [clip.span_ms for clip in found[:4]] == [(start, start + 1000) for start in starts]
    assert {clip.video_id for clip in found} == {"talk", "b"}
    assert [clip.take for clip in found] == ["talk"] * 4 + ["t"] * 4
    assert [clip.video_idx for clip in found] == list(range(8))
    first = replace(found[0], clip_id="talk", take=None, start_ms=None, end_ms=None)
    assert first == whole
    assert split_clips([whole], None) == [whole]


def test_segments_go_through_the_manifest(tmp_path):
    path = write_video(tmp_path / "talk.mp4", flat_frames(25), fps=10)
    found = split_clips([clip_of(path)], OPTIONS)
    write_manifest(found, tmp_path / "m.parquet", tmp_path / "m.csv", metadata={})
    assert read_manifest(tmp_path / "m.parquet") == found
    assert (tmp_path / "m.csv").read_text().splitlines()[2].endswith(",500,1500")


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
    spans = [(start, start + 1000) for start in range(0, 2500, 500)]
    assert [clip.span_ms for clip in clips] == [*spans, None]
    assert {clip.take for clip in clips} == {"long@talk", None}
    assert [clip.video_idx for clip in clips] == list(range(6))


def test_lengths_are_remembered_by_stat(tmp_path, monkeypatch):
    folder = tmp_path / "videos"
    folder.mkdir()
    path = write_video(folder / "talk.mp4", flat_frames(20), fps=10)
    first = split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv")
    monkeypatch.setattr("facewave.video.open.measure", lambda *_, **__: pytest.fail("opened again"))
    assert split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv") == first
    folder.rename(tmp_path / "moved")
    path = tmp_path / "moved" / "talk.mp4"
    moved = split_clips([clip_of(path)], OPTIONS, cache=tmp_path / "lengths.tsv")
    assert [clip.span_ms for clip in moved] == [clip.span_ms for clip in first]
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
    assert "raw.mjpeg: it names no times, and no frame rate is given" in str(caught.value)
    assert "frames: it names no times, and no frame rate is given" in str(caught.value)
    assert measure(frames, default_fps=6) == Length(frames=12, ms=2000)
    assert measure(raw, default_fps=3) == Length(frames=9, ms=3000)
    found = split_clips([clip_of(frames, name="f", fps_hint=6)], OPTIONS)
    assert [clip.span_ms for clip in found] == [(0, 1000), (500, 1500), (1000, 2000)]


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
        whole = [frame.image for frame in video.frames()]
    with open_video(path, default_fps=25) as video:
        part = list(video.frames(start_ms=440, end_ms=680))
    assert [frame.ms for frame in part] == list(range(440, 680, 40))
    np.testing.assert_array_equal([frame.image for frame in part], whole[11:17])


def test_a_segment_is_a_part_of_the_trajectory_of_its_video(tmp_path):
    """Of 40 frames with a hole of ten in time, and a face that is lost for two."""
    detected = ~np.isin(np.arange(40), [12, 13])
    times = np.concatenate([40 * np.arange(30), 40 * np.arange(40, 50)])
    smiles = np.repeat(np.arange(40, dtype=np.float32)[:, None], 52, axis=1)
    shard = write_track_shard(
        tmp_path / "s.npz", detected, times=times, arrays={"blendshapes": smiles}
    )
    whole = open_trajectory(shard)
    assert (len(whole), whole.announced, whole.decoded) == (40, 40, 40)
    part = open_trajectory(shard, span_ms=(400, 800))
    assert part.timestamp_ms.tolist() == list(range(400, 800, 40))
    assert part.detected.tolist() == detected[10:20].tolist()
    (values,) = part.iter("blendshapes")
    np.testing.assert_array_equal(values[:, 0], np.where(part.detected, np.arange(10, 20), np.nan))
    chunks = list(part.iter("blendshapes", chunk=3, frames=slice(1, 9)))
    np.testing.assert_array_equal(np.concatenate(chunks), values[1:9])
    holed = open_trajectory(shard, span_ms=(1000, 2000))
    assert (len(holed), holed.announced, holed.decoded) == (15, 25, 15)
    beyond = open_trajectory(shard, span_ms=(5000, 6000))
    assert (len(beyond), beyond.announced) == (0, 25)
    shard.write_bytes(shard.read_bytes()[:-9])
    with pytest.raises(DamagedShardError):
        open_trajectory(shard)


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
    assert [(row["clip_id"], row["start_ms"], row["end_ms"]) for row in manifest] == [
        (f"long__{i:03d}", start, start + 1000) for i, start in enumerate((0, 500, 1000, 1500))
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
    # The video was tracked for other windows.
    assert len(before) == 1
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
    assert [(row["clip_id"], row["take"], row["start_ms"]) for row in rows] == [
        ("talks@long__000", "talks@long", 0),
        ("talks@long__001", "talks@long", 1000),
        ("talks@long__002", "talks@long", 1500),
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
