"""facewave from elsewhere: as a module of another workflow, by `workflow/Snakefile`, deployed."""

import os
import shutil
import subprocess

import pyarrow.csv as pc
import pytest
import yaml

from tests.workflow.workflow import ROOT, SNAKEMAKE, environment

pytestmark = pytest.mark.workflow

_ANOTHER = """
configfile: "settings.yaml"

module facewave:
    snakefile: "{root}/Snakefile"
    config: config["faces"]

use rule * from facewave as faces_*

rule valid_clips:
    default_target: True
    input: "faces/mine/quality.csv"
    output: "valid.txt"
    shell: "grep -c ,True, {{input:q}} > {{output:q}} || true"
"""


@pytest.fixture
def settings(tmp_path, face_clip, landmarker_model):
    videos = tmp_path / "videos"
    videos.mkdir()
    shutil.copy2(face_clip, videos / "one.mp4")
    return {
        "enabled": ["mine"],
        "buckets": 1,
        "results": "faces",
        "datasets": {"mine": {"adapter": "folders", "root": "videos"}},
        "landmarker": {"model": str(landmarker_model)},
    }


def run(work, *arguments):
    done = subprocess.run(
        [SNAKEMAKE, "--cores", "2", "--directory", work, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=environment(),
        cwd=work,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def is_valid(work):
    rows = pc.read_csv(work / "faces/mine/quality.csv").to_pylist()
    return [(row["clip_id"], row["valid"]) for row in rows] == [("one", True)]


def test_as_a_module_with_rules_renamed(tmp_path, settings):
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump({"faces": settings}))
    (tmp_path / "Snakefile").write_text(_ANOTHER.format(root=ROOT))
    run(tmp_path)
    assert is_valid(tmp_path)
    assert (tmp_path / "valid.txt").exists()
    assert "Nothing to be done" in run(tmp_path)


def test_the_catalog_s_snakefile(tmp_path, settings):
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text(yaml.safe_dump(settings))
    run(tmp_path, "--snakefile", ROOT / "workflow/Snakefile", "faces/mine/manifest.parquet")
    assert (tmp_path / "faces/mine/manifest.parquet").is_file()


def test_its_settings_are_valid(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    plan = run(tmp_path, "--snakefile", ROOT / "workflow/Snakefile", "--dry-run")
    assert "write_report" in plan


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("snakedeploy") is None, reason="snakedeploy is not installed")
def test_deployed_by_snakedeploy(tmp_path, settings):
    copy = tmp_path / "facewave"
    subprocess.run(["git", "clone", "--quiet", ROOT, copy], check=True)
    work = tmp_path / "work"
    work.mkdir()
    command = ["snakedeploy", "deploy-workflow", copy, work, "--branch", "main"]
    subprocess.run(command, check=True, env=os.environ)
    deployed = work / "workflow/Snakefile"
    # Of a repository on this machine snakedeploy 0.17 writes a path that is relative to nothing.
    text = deployed.read_text()
    assert '"workflow/Snakefile"' in text
    deployed.write_text(text.replace('"workflow/Snakefile"', f'"{copy}/workflow/Snakefile"'))
    settings["datasets"]["mine"]["root"] = str(tmp_path / "videos")
    (work / "config/config.yaml").write_text(yaml.safe_dump(settings))
    run(work, "features")
    assert is_valid(work)
