"""What is planned does not depend on where a dataset lies."""

import pytest

from facewave.config.check import check_config
from facewave.manifest.clips import ManifestError
from facewave.planning.project import open_project
from facewave.storage.buckets import read_key_file
from tests.datasets.release_trees import put, put_frames


@pytest.fixture
def plan(tmp_path):
    """Plan a dataset of folders per class at a root; return its digests and what jobs open."""

    def planned(root, **options):
        entry = {"adapter": "folders", "root": str(root), "classes": ["happy", "sad"], **options}
        config = {"enabled": ["mine"], "datasets": {"mine": entry}, "buckets": 1}
        results = tmp_path / "results"
        project = open_project(check_config({**config, "results": str(results)}), write=True)
        rows = read_key_file(results / "mine/keys/tracks/0000.tsv")
        return project.plans["mine"].keys, [row.file_path for row in rows]

    return planned


@pytest.fixture
def root(tmp_path):
    put(tmp_path / "data/happy/a.mp4")
    put_frames(tmp_path / "data/happy/clip")
    return tmp_path / "data"


def test_a_moved_dataset_has_the_same_digests(plan, root, monkeypatch):
    keys, paths = plan(root)
    assert paths == [f"{root}/happy/a.mp4", f"{root}/happy/clip"]
    moved = root.rename(root.with_name("moved"))
    assert plan(moved) == (keys, [path.replace("/data/", "/moved/") for path in paths])
    monkeypatch.chdir(moved.parent)
    assert plan("moved") == (keys, ["moved/happy/a.mp4", "moved/happy/clip"])
    (moved / "happy/a.mp4").write_bytes(b"other bytes")
    changed = plan("moved")[0]
    assert {name for name in keys if keys[name] != changed[name]} == {"tracks/0000"}


def test_links_that_lead_out_of_the_root_after_a_move_are_refused(plan, root):
    put(root / "pool/9.jpg")
    (root / "happy/clip/9.jpg").symlink_to("../../../data/pool/9.jpg")
    plan(root)
    moved = root.rename(root.with_name("moved"))
    put(root / "pool/9.jpg")
    for _ in range(2):
        with pytest.raises(ManifestError, match=r"(?s)clip/9\.jpg: leaves the root"):
            plan(moved)
