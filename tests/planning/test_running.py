"""Key files beside a run in progress: what it reads stays, and the message says what to do."""

import os

import pytest

from facewave.config.check import check_config
from facewave.manifest.clips import ManifestError
from facewave.planning.project import open_project
from facewave.planning.running import KeyFiles, RunningError, only_looks
from tests.datasets.release_trees import put, put_frames


@pytest.fixture
def keys(tmp_path):
    folder = tmp_path / "results/mine/keys"
    put(folder / "plan.json", b"old\n")
    return folder


@pytest.fixture
def locks(tmp_path):
    return tmp_path / ".snakemake/locks"


def lock(locks, *paths):
    put(locks / "0.input.lock", "".join(f"{path}\n" for path in paths).encode())


def test_without_a_run_files_are_written(keys, locks):
    assert KeyFiles(keys, locks=locks).write(keys / "plan.json", "new\n")
    assert (keys / "plan.json").read_text() == "new\n"


def test_a_run_of_another_dataset_does_not_matter(keys, locks, tmp_path):
    lock(locks, tmp_path / "results/mine2/keys/plan.json", tmp_path / "results/mine/x.mp4")
    assert KeyFiles(keys, locks=locks).write(keys / "plan.json", "new\n")


def test_what_a_run_reads_is_not_changed(keys, locks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lock(locks, "results/mine/keys/tracks/0000.tsv")
    files = KeyFiles(keys, locks=locks)
    assert not files.write(keys / "plan.json", "old\n")
    with pytest.raises(RunningError, match=r"(?s)plan\.json: would change.*--unlock"):
        files.write(keys / "plan.json", "new\n")
    with pytest.raises(RunningError):
        files.write(keys / "another.json", "new\n")
    assert (keys / "plan.json").read_text() == "old\n"
    assert not (keys / "another.json").exists()


def test_unlocking_goes_on(keys, locks):
    lock(locks, keys / "plan.json")
    assert not KeyFiles(keys, looks=True, locks=locks).write(keys / "plan.json", "new\n")
    assert (keys / "plan.json").read_text() == "old\n"


@pytest.mark.parametrize(
    "words",
    ["-n", "-np", "--dry-run", "--dryrun", "--unlock", "--lint", "--list-target-rules", "-l"],
)
def test_commands_that_run_no_job(words):
    assert only_looks(["-s", "Snakefile", words, "--", "features"])


@pytest.mark.parametrize(
    "words", ["-p", "--cores", "--configfile=n.yaml", "--nocolor", "-j4", "-k"]
)
def test_commands_that_run_jobs(words):
    assert not only_looks([words, "--", "features"])


def test_a_look_writes_only_what_nobody_can_read_yet(keys):
    files = KeyFiles(keys, looks=True)
    assert not files.write(keys / "plan.json", "new\n")
    assert not files.write(keys / "another.json", "new\n")
    assert (keys / "plan.json").read_text() == "old\n"
    assert (keys / "another.json").read_text() == "new\n"
    assert files.digests[keys / "plan.json"] == files.digests[keys / "another.json"]


# A whole project


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("happy/a.mp4", "sad/b.mp4"):
        put(tmp_path / "data" / name)
    return {
        "enabled": ["mine"],
        "datasets": {"mine": {"adapter": "folders", "root": "data"}},
        "buckets": 1,
    }


def open_(config, **options):
    return open_project(check_config(config), write=True, **options)


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_command_with_other_options_beside_a_run(config, tmp_path, locks):
    plan = open_(config).plans
    lock(locks, "results/mine/keys/tracks/0000.tsv", "data/happy/a.mp4")
    before = content(tmp_path / "results/mine/keys")
    assert open_(config).plans == plan
    for change in (
        {"buckets": 2},
        {"landmarker": {"max_faces": 2}},
        {"quality": {"max_gap_frames": 3}},
    ):
        with pytest.raises(RunningError):
            open_({**config, **change})
        open_({**config, **change}, looks=True)
        assert before.items() <= content(tmp_path / "results/mine/keys").items()
    open_({**config, "buckets": 2, "results": "other"})


def test_a_look_at_other_options_changes_no_file_and_tells_of_it_by_digests(config, tmp_path):
    plan = open_(config).plans["mine"]
    before = content(tmp_path / "results/mine/keys")
    assert set(plan.keys) == {"tracks/0000", "features", "manifest"}
    (tmp_path / "data/happy/a.mp4").write_bytes(b"another")
    seen = open_({**config, "landmarker": {"max_faces": 2}}, looks=True).plans["mine"]
    changed = {name for name in plan.keys if seen.keys[name] != plan.keys[name]}
    assert changed == {"tracks/0000"}
    after = content(tmp_path / "results/mine/keys")
    cache = tmp_path / "results/mine/keys/fingerprints.tsv"
    assert after | {cache: b""} == before | {cache: b""}
    # A job's own process finds the digests that the main process last wrote.
    assert open_project(check_config(config), write=False).plans["mine"] == plan


def test_looking_at_results_that_may_not_be_written(config, tmp_path, monkeypatch):
    plan = open_(config).plans["mine"]
    os.utime(tmp_path / "data/happy/a.mp4")

    def refuse(*_, **__):
        raise PermissionError("read-only")

    monkeypatch.setattr("facewave.storage.tables.atomic_path", refuse)
    assert open_(config, looks=True).plans["mine"].buckets == plan.buckets


def test_single_frames_may_not_lead_out_of_the_root(config, tmp_path):
    put_frames(tmp_path / "data/happy/clip")
    put(tmp_path / "store/9.jpg")
    open_(config)
    (tmp_path / "data/happy/clip/9.jpg").symlink_to(tmp_path / "store/9.jpg")
    for _ in range(2):  # a refused plan is not remembered as a good one
        with pytest.raises(ManifestError, match=r"(?s)clip/9\.jpg: leaves the root.*follow_links"):
            open_(config)
    datasets = {"mine": {**config["datasets"]["mine"], "follow_links": True}}
    open_({**config, "datasets": datasets})
    os.remove(tmp_path / "data/happy/clip/9.jpg")  # noqa: PTH107
    open_(config)
