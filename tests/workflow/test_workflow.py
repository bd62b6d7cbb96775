"""What must hold (docs/design.md): which jobs and clips run again after which event."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from facewave.demo.recipe import demo_clips
from facewave.demo.render import render_clip
from tests.workflow.workflow import (
    CLASSES,
    bucket_files,
    command,
    computed,
    copy_project,
    drop_stat,
    environment,
    labels,
    shards,
    snakemake,
    write_config,
    write_labels,
)

pytestmark = pytest.mark.workflow

TRAINING = {"build_splits": 1, "fit_mlp": 1, "evaluate": 1}
QUALITY = {"list_quality": 1}
AFTER_FEATURES = {**QUALITY, **TRAINING, "compare_models": 1, "write_report": 1}


def first_video(work: Path) -> Path:
    return work / "videos" / labels(work)[0][0]


def replace_video(video: Path, donor: Path, *, older: bool) -> None:
    stat = video.stat()
    shutil.copy(donor, video.with_suffix(".new"))
    video.with_suffix(".new").replace(video)
    if older:
        os.utime(video, (stat.st_atime - 9999, stat.st_mtime - 9999))


def test_finished_run_leaves_every_product(finished: Path) -> None:
    results = finished / "results" / "small"
    assert (results / "report.html").stat().st_size > 10_000
    assert pq.read_table(results / "manifest.parquet").num_rows == 6
    subjects = []
    for part in ("train", "val", "test"):
        table = pq.read_table(results / "splits" / "80-10-10" / f"{part}.parquet")
        subjects += table.column("subject").unique().to_pylist()
        assert table.column("valid").to_pylist() == [True, True]
        assert np.abs(np.stack(table.column("landmarks").to_numpy())).sum() > 0
    assert sorted(subjects) == ["s01", "s02", "s03"]
    assert not list(finished.rglob("*.tmp*"))


def test_nothing_changed_runs_nothing(project: Path) -> None:
    assert snakemake(project).jobs == {}


def test_touched_video_and_label_table_run_nothing(project: Path) -> None:
    before = shards(project, "tracks")
    os.utime(first_video(project))
    os.utime(project / "videos" / "labels.csv")
    assert snakemake(project).jobs == {}
    assert shards(project, "tracks") == before


@pytest.mark.parametrize("older", [False, True])
def test_changed_bytes_recompute_that_clip_alone(
    project: Path, landmarker_model: Path, older: bool
) -> None:
    video = first_video(project)
    clip = demo_clips(subjects=4, takes=1, classes=CLASSES)[-1]
    render_clip(clip, project / "donor.mp4", size=192, fps=12, seed=2)
    replace_video(video, project / "donor.mp4", older=older)
    tracks, features = shards(project, "tracks"), shards(project, "features")
    plan = snakemake(project, "-n")
    assert plan.jobs == {"track_faces": 1, "encode_features": 1, **AFTER_FEATURES}
    snakemake(project, "--", "features")
    assert len(computed(tracks, shards(project, "tracks"))) == 1
    assert len(computed(features, shards(project, "features"))) == 1
    assert snakemake(project, "--", "features").jobs == {}


def test_added_clip_is_tracked_alone(project: Path) -> None:
    clip = demo_clips(subjects=4, takes=1, classes=CLASSES)[-1]
    render_clip(clip, project / "videos" / clip.relative_path, size=192, fps=12, seed=1)
    write_labels(project, [*labels(project), (clip.relative_path, clip.label, "s01")])
    tracks = shards(project, "tracks")
    run = snakemake(project)
    assert run.jobs == {
        "build_manifest": 1,
        "track_faces": 1,
        "encode_features": 1,
        **AFTER_FEATURES,
    }
    assert len(computed(tracks, shards(project, "tracks"))) == 1
    assert snakemake(project).jobs == {}


def test_removed_clip_is_gone_and_nothing_is_computed(project: Path) -> None:
    gone, *rest = labels(project)
    write_labels(project, rest)
    tracks, features = shards(project, "tracks"), shards(project, "features")
    run = snakemake(project, "--", "features", "splits")
    assert run.jobs["build_splits"] == 1
    assert shards(project, "tracks") == tracks
    assert shards(project, "features") == features
    everything = project / "results" / "small" / "splits"
    ids = {
        clip_id
        for path in everything.rglob("*.parquet")
        for clip_id in pq.read_table(path, columns=["clip_id"]).column("clip_id").to_pylist()
    }
    assert ids == {Path(row[0]).stem for row in rest}
    assert gone[0] not in (project / "results" / "small" / "quality.csv").read_text()


def test_wavelet_option_spares_tracking_and_set_back_hits_the_store(project: Path) -> None:
    tracks, features = shards(project, "tracks"), shards(project, "features")
    write_config(project, wavelet={"layout": "pyramid", "coefficients": 8})
    assert snakemake(project, "-n").jobs == {"encode_features": 2, **AFTER_FEATURES}
    snakemake(project, "--", "features")
    changed = shards(project, "features")
    assert len(computed(features, changed)) == 6
    write_config(project)
    assert snakemake(project, "-n").jobs == {"encode_features": 2, **AFTER_FEATURES}
    snakemake(project, "--", "features")
    assert shards(project, "features") == changed
    assert shards(project, "tracks") == tracks


def test_landmarker_option_tracks_again(project: Path) -> None:
    tracks = shards(project, "tracks")
    write_config(project, landmarker={"min_presence_confidence": 0.4})
    plan = snakemake(project, "-n")
    assert plan.jobs == {"track_faces": 2, "encode_features": 2, **AFTER_FEATURES}
    snakemake(project, "--", "features")
    assert len(computed(tracks, shards(project, "tracks"))) == 6


def test_model_from_elsewhere_computes_nothing(project: Path) -> None:
    (project / "model.task").rename(project / "moved.task")
    write_config(project, landmarker={"model": "moved.task"})
    # The report shows the configuration.
    assert snakemake(project).jobs == {"write_report": 1}


def test_model_made_again_hides_no_other_reason_to_run(project: Path) -> None:
    write_config(project, landmarker={"min_tracking_confidence": 0.4})
    jobs = snakemake(project, "--dry-run", "--forcerun", "fetch_landmarker", "--", "features").jobs
    assert jobs == {"fetch_landmarker": 1, "track_faces": 2, "encode_features": 2, **QUALITY}


def test_mlp_option_only_trains_again(project: Path) -> None:
    write_config(project, mlp={"hidden": [4], "max_epochs": 3, "patience": 3})
    run = snakemake(project)
    assert run.jobs == {"fit_mlp": 1, "evaluate": 1, "compare_models": 1, "write_report": 1}


def test_changed_label_splits_again_without_features(project: Path) -> None:
    (path, label, subject), *rest = labels(project)
    other = CLASSES[1 - CLASSES.index(label)]
    write_labels(project, [(path, other, subject), *rest])
    assert snakemake(project, "-n").jobs == {"build_manifest": 1, **AFTER_FEATURES}


def test_option_is_seen_without_snakemakes_records(project: Path) -> None:
    shutil.rmtree(project / ".snakemake")
    assert snakemake(project).jobs == {}
    write_config(project, landmarker={"min_presence_confidence": 0.4})
    shutil.rmtree(project / ".snakemake")
    assert snakemake(project, "-n").jobs["track_faces"] == 2


@pytest.mark.parametrize("stage", ["tracks", "features"])
def test_damaged_shard_is_made_again_alone(project: Path, stage: str) -> None:
    intact = {path: path.read_bytes() for path in (project / "results/store").rglob("*.npz")}
    victim = sorted((project / "results" / "store" / stage).rglob("*.npz"))[0]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    before = shards(project, stage)
    rule = {"tracks": "track_faces", "features": "encode_features"}[stage]
    snakemake(project, "--forcerun", rule, "--", "features")
    assert computed(before, shards(project, stage)) == {victim.stem}
    assert {p: p.read_bytes() for p in (project / "results/store").rglob("*.npz")} == intact


def flip_bit(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0x10
    shard.write_bytes(data)


def clip_of(project: Path, stage: str, key: str) -> str:
    rows = (
        line.split("\t")
        for text in bucket_files(project, stage).values()
        for line in text.split("\n")
    )
    (clip_id,) = [cells[0] for cells in rows if key in cells]
    return clip_id


def test_damaged_trajectory_is_named_and_mended_by_the_next_run(project: Path) -> None:
    intact = {path: path.read_bytes() for path in (project / "results/store").rglob("*.npz")}
    victim = sorted((project / "results/store/tracks").rglob("*.npz"))[0]
    clip_id = clip_of(project, "tracks", victim.stem)
    flip_bit(victim)
    # Other features have to be made of the trajectories.
    write_config(project, wavelet={"layout": "paper", "coefficients": 10})
    first = snakemake(project, "--", "features", check=False)
    assert first.code != 0
    assert first.jobs == {"encode_features": 2, **QUALITY}
    assert f"clip {clip_id}: the shard results/store/tracks/" in first.output
    assert "Run the same command again" in first.output
    tracks, features = shards(project, "tracks"), shards(project, "features")
    again = snakemake(project, "--", "features")
    assert again.jobs == {"track_faces": 1, "encode_features": 1, **QUALITY}
    assert "\nsmall: 6 clips, 6 valid\n" in again.output
    assert computed(tracks, shards(project, "tracks")) == {victim.stem}
    assert features.items() <= shards(project, "features").items()
    assert {path: path.read_bytes() for path in intact} == intact
    assert snakemake(project, "--", "features").jobs == {}


def test_damaged_features_are_named_by_every_fold_and_mended_once(project: Path) -> None:
    write_config(project, split={"protocol": "leave_one_subject_out"})
    intact = {path: path.read_bytes() for path in (project / "results/store").rglob("*.npz")}
    victim = sorted((project / "results/store/features").rglob("*.npz"))[0]
    clip_id = clip_of(project, "features", victim.stem)
    flip_bit(victim)
    first = snakemake(project, "--", "splits", check=False)
    assert first.code != 0
    assert first.jobs == {"build_splits": 3}
    assert f"clip {clip_id}: the shard results/store/features/" in first.output
    pruning = snakemake(project, "--", "prune_store", check=False)
    assert pruning.code != 0
    assert "clips have no index row" in pruning.output
    features = shards(project, "features")
    assert snakemake(project, "--", "splits").jobs == {"encode_features": 1, "build_splits": 3}
    assert computed(features, shards(project, "features")) == {victim.stem}
    assert {path: path.read_bytes() for path in intact} == intact
    assert snakemake(project, "--", "splits").jobs == {}


def test_killed_run_resumes_at_the_clip(finished: Path, tmp_path: Path) -> None:
    whole = bucket_files(finished, "tracks")
    project = copy_project(finished, tmp_path / "project")
    shutil.rmtree(project / "results")
    shutil.rmtree(project / ".snakemake")
    process = subprocess.Popen(
        command(project, "--", "features"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=project,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not shards(project, "tracks") and process.poll() is None:
        assert time.monotonic() < deadline, "no clip was finished"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = shards(project, "tracks")
    assert 0 < len(done) < 6, "killed too late to show anything"
    snakemake(project, "--unlock")
    snakemake(project, "--", "features")
    after = shards(project, "tracks")
    assert len(after) == 6
    assert {key: after[key] for key in done} == done
    assert {name: drop_stat(text) for name, text in bucket_files(project, "tracks").items()} == {
        name: drop_stat(text) for name, text in whole.items()
    }
    for path in (finished / "results" / "store").rglob("*.npz"):
        twin = project / path.relative_to(finished)
        assert twin.read_bytes() == path.read_bytes()


def test_two_runs_at_once_are_told_about_the_lock(project: Path) -> None:
    write_config(project, landmarker={"min_tracking_confidence": 0.4})
    process = subprocess.Popen(
        command(project, "--", "features"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        cwd=project,
    )
    locks = project / ".snakemake" / "locks"
    deadline = time.monotonic() + 60
    while not any(locks.glob("*")) and process.poll() is None:
        assert time.monotonic() < deadline, "the first run took no lock"
        time.sleep(0.02)
    second = snakemake(project, "--", "features", check=False)
    assert process.wait(timeout=120) == 0
    assert second.code != 0
    assert "lock" in second.output.lower()
    assert snakemake(project, "--", "features").jobs == {}


def test_bad_clip_is_flagged_and_the_others_go_on(project: Path) -> None:
    (project / "videos" / "empty.mp4").write_bytes(b"")
    (project / "videos" / "text.mp4").write_text("not a video")
    rows = [("empty.mp4", "happy", "s01"), ("text.mp4", "surprise", "s02")]
    write_labels(project, [*labels(project), *rows])
    snakemake(project)
    page = (project / "results" / "small" / "report.html").read_text()
    assert "the file is empty (0 bytes)" in page
    assert "it is not a video file that can be opened" in page


def test_bad_rows_stop_the_run_and_are_all_named(project: Path) -> None:
    write_labels(
        project,
        [*labels(project), ("gone.mp4", "happy", "s01"), (labels(project)[0][0], "hapy", "")],
    )
    run = snakemake(project, "-n", check=False)
    assert run.code != 0
    assert "gone.mp4" in run.output
    assert "hapy" in run.output
    assert "Traceback" not in run.output


def test_misspelt_key_is_named_with_its_neighbour(project: Path) -> None:
    write_config(project, wavelet={"layuot": "paper"})
    run = snakemake(project, "-n", check=False)
    assert run.code != 0
    assert "wavelet.layuot" in run.output
    assert "layout" in run.output
    assert "Traceback" not in run.output


def test_leave_one_subject_out_trains_a_fold_a_subject(project: Path) -> None:
    write_config(project, split={"protocol": "leave_one_subject_out"})
    run = snakemake(project, "--", "train_mlp")
    assert run.jobs == {"build_splits": 3, "fit_mlp": 3, "evaluate": 1}
    results = project / "results" / "small"
    for fold in ("s01", "s02", "s03"):
        folder = results / "splits" / "leave_one_subject_out" / f"fold-{fold}"
        test = pq.read_table(folder / "test.parquet")
        assert test.column("subject").unique().to_pylist() == [fold]
    scores = json.loads((results / "evaluation/mlp/leave_one_subject_out/metrics.json").read_text())
    assert [fold["n"] for fold in scores["folds"]] == [2, 2, 2]
    assert scores["overall"]["n"] == 6


def test_export_npy_is_an_array_of_dicts(project: Path) -> None:
    snakemake(project, "--", "export_npy")
    path = project / "results/small/export/80-10-10/test.npy"
    # The one place where such a file is loaded: to see that those who want it can.
    rows = np.load(path, allow_pickle=True)
    assert [sorted(row) for row in rows] == [
        ["blendshapes", "clip_id", "file_path", "landmarks"]
    ] * 2
    assert rows[0]["landmarks"].shape == (10, 478, 3)
    assert rows[0]["blendshapes"].dtype == np.float32


def test_changed_number_of_buckets_computes_no_clip(project: Path) -> None:
    tracks, features = shards(project, "tracks"), shards(project, "features")
    write_config(project, buckets=5)
    snakemake(project, "--", "features")
    assert shards(project, "tracks") == tracks
    assert shards(project, "features") == features


def test_a_crate_describes_the_report_and_what_is_behind_it(project: Path) -> None:
    assert snakemake(project, "--", "ro_crate").jobs["write_ro_crate"] == 1
    folder = project / "results" / "small"
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    files = {entity["name"] for entity in graph if entity["@type"] == "File"}
    assert {"report.html", "manifest.parquet", "quality.csv", "ro-crate/config.yaml"} < files
    assert all((folder / name).is_file() for name in files)
    assert "write_ro_crate" not in snakemake(project, "--", "ro_crate").jobs


def test_snakemakes_own_report(project: Path) -> None:
    snakemake(project, "--report", "own.html")
    assert (project / "own.html").stat().st_size > 100_000


def test_prune_store_keeps_what_the_indexes_name(project: Path) -> None:
    write_config(project, wavelet={"layout": "pyramid", "coefficients": 8})
    snakemake(project, "--", "features")
    old = set(shards(project, "features"))
    leftover = project / "results/store/tracks/ab/.half.npz.0123456789ab.tmp.npz"
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"half")
    assert "0 files would be removed" in snakemake(project, "--", "prune_store").output
    two_days_ago = time.time() - 2 * 24 * 3600
    for path in (project / "results/store").rglob("*"):
        os.utime(path, (two_days_ago, two_days_ago))
    assert "7 files would be removed" in snakemake(project, "--", "prune_store").output
    assert leftover.exists()
    run = snakemake(project, "--config", "prune=apply", "--", "prune_store")
    assert "7 files removed" in run.output
    assert len(shards(project, "features")) == 6 < len(old)
    assert not leftover.exists()
    assert snakemake(project, "--", "features").jobs == {}
