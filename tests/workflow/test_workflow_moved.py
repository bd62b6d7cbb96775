"""A dataset that lies elsewhere than it did: the same bytes are the same dataset."""

import os
import shutil
from pathlib import Path

import pytest

from facewave.manifest.clips import read_manifest
from facewave.storage.buckets import read_key_file
from tests.workflow.workflow import bucket_files, shards, snakemake, write_config

pytestmark = pytest.mark.workflow


def set_root(project: Path, root: str | Path) -> None:
    """Change the dataset's root in the configuration, and nothing else."""
    options = {"adapter": "table", "root": str(root), "table": "labels.csv"}
    write_config(project, datasets={"small": {**options, "classes": ["happy", "surprise"]}})


def results_of(project: Path) -> dict[Path, bytes]:
    """Return all tables, parts and checkpoints of the dataset with their content."""
    folder = project / "results/small"
    suffixes = (".tsv", ".parquet", ".pt", ".npz")
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in suffixes and not {"keys", "benchmarks"} & set(path.parts)
    }


@pytest.fixture
def moved(project, tmp_path):
    """The folder that the videos of `project` were moved to, with the label table."""
    target = tmp_path / "disk" / "corpus"
    target.parent.mkdir()
    (project / "videos").rename(target)
    set_root(project, target)
    return target


def test_a_moved_dataset_runs_nothing(project, moved):
    assert snakemake(project, "-n", "--", "train_mlp").jobs == {}


@pytest.mark.slow
def test_after_a_move_files_are_found_and_changes_seen_by_content(project, moved):
    before, tracked = results_of(project), shards(project, "tracks")
    assert str(moved) not in " ".join(bucket_files(project, "tracks").values())
    assert snakemake(project, "--", "train_mlp").jobs == {}
    assert results_of(project) == before
    for clip in read_manifest(project / "results/small/manifest.parquet"):
        assert Path(clip.file_path).is_relative_to(moved)
        assert Path(clip.file_path).exists()
    # What must look into the videos does.
    assert snakemake(project, "--", "face_crops").jobs == {"crop_faces": 2, "face_crops": 1}
    # A copy has new dates and inodes: its bytes are compared.
    copy = moved.with_name("copy")
    shutil.copytree(moved, copy, copy_function=shutil.copy)
    set_root(project, copy)
    shutil.rmtree(moved)
    assert snakemake(project, "--", "train_mlp").jobs == {}
    assert shards(project, "tracks") == tracked
    assert results_of(project).items() >= before.items()
    # Other bytes at the new place, with the old date.
    video = copy / labels_of(copy)[0]
    dates = video.stat()
    video.write_bytes(video.read_bytes() + b"\0" * 8)
    os.utime(video, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    jobs = snakemake(project, "--", "features").jobs
    assert jobs == {"track_faces": 1, "encode_features": 1, "list_quality": 1}
    assert len(shards(project, "tracks").keys() - tracked.keys()) == 1


@pytest.mark.slow
def test_a_joint_dataset_keeps_apart_equal_paths_of_members_that_were_moved(project, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(project / "videos", other)
    for video in other.rglob("*.mp4"):  # else the same content
        video.write_bytes(video.read_bytes() + b"\0" * 8)

    def configure(roots: dict[str, Path]) -> None:
        sets = {
            name: {
                "adapter": "table",
                "root": str(root),
                "table": "labels.csv",
                "classes": ["happy", "surprise"],
            }
            for name, root in roots.items()
        }
        both = {"adapter": "joint", "datasets": list(roots), "classes": ["happy", "surprise"]}
        write_config(project, enabled=["both"], datasets={**sets, "both": both})

    configure({"a": project / "videos", "b": other})
    snakemake(project, "--", "train_mlp")
    paths = {
        row.relative_path: row.file_path
        for key in (project / "results/both/keys/tracks").glob("*.tsv")
        for row in read_key_file(key)
    }
    assert len(paths) == 12
    assert {name[:2] for name in paths} == {"a/", "b/"}
    assert all(Path(path).is_relative_to(other) == (n[0] == "b") for n, path in paths.items())
    other.rename(tmp_path / "third")
    (project / "videos").rename(other)
    configure({"a": other, "b": tmp_path / "third"})
    assert snakemake(project, "--", "train_mlp").jobs == {}


def labels_of(root: Path) -> list[str]:
    return [line.split(",")[0] for line in (root / "labels.csv").read_text().splitlines()[1:]]
