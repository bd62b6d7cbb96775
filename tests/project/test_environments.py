"""Rules import only what their environment in envs/ holds: the features need no PyTorch."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from tests.video.media import flat_frames, write_video
from tests.workflow.workflow import CLASSES, ROOT, environment, snakemake

pytestmark = pytest.mark.workflow

# Python runs a module of this name, wherever it is found first, before anything else.
HIDE = """\
import sys
from importlib.machinery import PathFinder


class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {hidden!r} else super().find_spec(name, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def with_dependencies(names: set[str]) -> set[str]:
    """Return these distributions and all that they depend on, by canonical name."""
    found: set[str] = set()
    waiting = {canonical(name) for name in names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        for line in metadata.requires(name) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting |= {canonical(needed.name)} - found
    return found


def absent_modules(environment_file: Path) -> set[str]:
    """Return the modules that are installed here and would not be in this environment.

    Snakemake and its plugins, which start the scripts, are left as they are.
    """
    dependencies = yaml.safe_load(environment_file.read_text())["dependencies"]
    (by_pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    owners = metadata.packages_distributions()
    snakemake_itself = {
        name for names in owners.values() for name in names if name.startswith("snakemake")
    }
    held = with_dependencies({line.partition("==")[0] for line in by_pip} | snakemake_itself)
    return {
        module for module, names in owners.items() if not held & {canonical(name) for name in names}
    }


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A function that leaves only what an environment holds to the processes started after it."""

    def use(name: str) -> set[str]:
        hidden = absent_modules(ROOT / "envs" / f"{name}.yaml")
        folder = tmp_path / name
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(HIDE.format(hidden=hidden))
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return hidden

    return use


def test_each_rule_runs_with_what_its_environment_holds(tmp_path, landmarker_model, only):
    recipe = {"adapter": "demo", "subjects": 3, "takes": 1, "size": 128, "fps": 12}
    config = {
        "enabled": ["demo"],
        "buckets": 1,
        "datasets": {"demo": {**recipe, "classes": list(CLASSES)}},
        "landmarker": {"model": str(landmarker_model)},
        "mlp": {"hidden": [8], "max_epochs": 2, "patience": 2, "fusion": {"ensemble": 1}},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    hidden = only("features")
    assert {"torch", "sklearn", "pywt"} <= hidden
    refused = subprocess.run(
        [sys.executable, "-c", "import torch"], env=environment(), capture_output=True, text=True
    )
    assert "No module named 'torch'" in refused.stderr
    npy = "results/demo/export/80-10-10/test.npy"
    run = snakemake(tmp_path, "--", npy, "face_crops", "export_frames", "near_duplicates")
    assert {"track_faces", "encode_features", "build_splits", "crop_faces"} <= set(run.jobs)
    assert len(list((tmp_path / "results/store/features").rglob("*.npz"))) == 6
    hidden = only("training")
    assert "torch" not in hidden
    assert "pywt" in hidden
    run = snakemake(tmp_path)
    assert {"fit_mlp", "evaluate", "write_report"} <= set(run.jobs)
    assert not {"track_faces", "encode_features", "build_splits"} & set(run.jobs)


def test_scenes_need_little_more_than_pyscenedetect(tmp_path, only):
    (tmp_path / "films" / "happy").mkdir(parents=True)
    write_video(tmp_path / "films" / "happy" / "film.mp4", flat_frames(20))
    films = {"adapter": "folders", "root": "films", "segments": {"scenes": "detect"}}
    config = {"enabled": ["films"], "datasets": {"films": films}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert {"mediapipe", "torch", "sklearn", "pyarrow"} <= only("scenes")
    assert "1 scenes in 1 videos" in snakemake(tmp_path, "detect_scenes").output
