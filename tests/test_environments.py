"""Rules import only what their environment in envs/ holds: the features need no PyTorch."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from workflow import CLASSES, ROOT, environment, snakemake

pytestmark = pytest.mark.workflow

# Python runs a module of this name, wherever it is found first, before anything else.
BLOCKER = """\
import sys
from importlib.abc import MetaPathFinder


class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is not in {environment}", name=name)


sys.meta_path.insert(0, Blocker())
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


def blocked_modules(environment_file: Path) -> set[str]:
    """Return the modules that are installed here and would not be in this environment.

    Snakemake, which starts the scripts, is left as it is.
    """
    dependencies = yaml.safe_load(environment_file.read_text())["dependencies"]
    (by_pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    held = with_dependencies({line.partition("==")[0] for line in by_pip} | {"snakemake"})
    return {
        module
        for module, names in metadata.packages_distributions().items()
        if not held & {canonical(name) for name in names}
    }


@pytest.fixture
def only(tmp_path, monkeypatch):
    """A function that leaves only what an environment holds to the processes started after it."""

    def use(name: str) -> set[str]:
        blocked = blocked_modules(ROOT / "envs" / f"{name}.yaml")
        folder = tmp_path / name
        folder.mkdir()
        text = BLOCKER.format(blocked=blocked, environment=f"envs/{name}.yaml")
        (folder / "sitecustomize.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        return blocked

    return use


def test_each_rule_runs_with_what_its_environment_holds(tmp_path, landmarker_model, only):
    recipe = {"adapter": "demo", "subjects": 3, "takes": 1, "size": 128, "fps": 12}
    config = {
        "enabled": ["demo"],
        "buckets": 2,
        "datasets": {"demo": {**recipe, "classes": list(CLASSES)}},
        "landmarker": {"model": str(landmarker_model)},
        "mlp": {"hidden": [8], "max_epochs": 2, "patience": 2, "ensemble": 1},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    blocked = only("features")
    assert {"torch", "sklearn", "pywt"} <= blocked
    refused = subprocess.run(
        [sys.executable, "-c", "import torch"], env=environment(), capture_output=True, text=True
    )
    assert "torch is not in envs/features.yaml" in refused.stderr
    run = snakemake(tmp_path, "--", "export_npy", "face_crops", "near_duplicates")
    assert {"track_faces", "encode_features", "build_splits", "crop_faces"} <= set(run.jobs)
    assert len(list((tmp_path / "results/store/features").rglob("*.npz"))) == 6
    blocked = only("training")
    assert "torch" not in blocked
    assert "pywt" in blocked
    run = snakemake(tmp_path)
    assert {"fit_mlp", "evaluate", "write_report"} <= set(run.jobs)
    assert not {"track_faces", "encode_features", "build_splits"} & set(run.jobs)
