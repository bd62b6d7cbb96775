"""An open dataset in one command, from a server on this machine in place of the official one."""

import hashlib
import json
import shutil
import zipfile

import pytest
import yaml

from facewave.downloads import ravdess
from tests.downloads.file_server import serve
from tests.workflow import workflow

pytestmark = pytest.mark.workflow

# Two takes of three actors.
TAKES = {"happy": "03-01-01-01", "surprise": "08-01-01-01"}


def archives(work, folder):
    """Pack rendered clips as RAVDESS's archives; return them and a list of sizes and MD5."""
    content, listed = {}, []
    videos = sorted((work / "videos").glob("s*.mp4"))
    for actor, subject in enumerate(sorted({video.name[:3] for video in videos}), start=1):
        name = f"Video_Speech_Actor_{actor:02d}.zip"
        with zipfile.ZipFile(folder / name, "w") as file:
            for video in (video for video in videos if video.name.startswith(subject)):
                take = next(code for label, code in TAKES.items() if label in video.name)
                file.write(video, f"Actor_{actor:02d}/01-01-{take}-{actor:02d}.mp4")
        data = (folder / name).read_bytes()
        content[name] = data
        listed.append((len(data), hashlib.md5(data).hexdigest()))
    return content, listed


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A project whose processes know the small archives as those of RAVDESS."""
    content, listed = archives(finished, tmp_path)
    work, patches = tmp_path / "project", tmp_path / "patches"
    work.mkdir()
    patches.mkdir()
    # Each process of Python imports it first.
    (patches / "sitecustomize.py").write_text(
        f"import sys; sys.path.insert(0, {str(workflow.ROOT)!r})\n"
        "from facewave.downloads import ravdess\n"
        f"ravdess.ARCHIVES[:] = {listed!r}\n"
        f"ravdess.takes = lambda: {list(TAKES.values())!r}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(patches))
    shutil.copy2(finished / "model.task", work / "model.task")
    with serve(content) as files:
        config = {
            "enabled": ["ravdess"],
            "buckets": 2,
            "datasets": {
                "ravdess": {
                    "adapter": "ravdess",
                    "root": "data/ravdess",
                    "classes": list(workflow.CLASSES),
                    "download": {"url": files.url, "allow_http": True},
                }
            },
            "landmarker": {"model": "model.task"},
            "mlp": {"hidden": [8], "max_epochs": 3, "patience": 3},
            "split": {"protocol": "leave_one_subject_out"},
        }
        (work / "config.yaml").write_text(yaml.safe_dump(config))
        yield work, files


@pytest.mark.slow  # five runs of the command
def test_one_command_downloads_and_reports(project):
    work, files = project
    dry = workflow.snakemake(work, "--dry-run")
    assert "6 clips are not there and are downloaded: 3 files" in dry.output
    assert "CC BY-NC-SA 4.0" in dry.output
    assert files.asked == []

    # A server that breaks off stops the command, and the next one goes on.
    files.refuse = [0, 404]
    broken = workflow.snakemake(work, check=False)
    assert broken.code != 0
    assert "answers 404" in (work / "results/ravdess/logs/download_dataset.log").read_text()
    assert len(list(work.rglob("data/ravdess/Video_Speech_Actor_*/*/*.mp4"))) == 2

    run = workflow.snakemake(work)
    assert run.jobs["download_dataset"] == 1
    assert [name[-6:-4] for name, _ in files.asked] == ["01", "02", "02", "03"]
    assert (work / "results/ravdess/report.html").exists()
    marker = json.loads((work / "results/ravdess/download.json").read_text())
    assert marker["page"] == "https://zenodo.org/records/1188976"

    again = workflow.snakemake(work)
    assert again.jobs == {}
    # With other results, the clips that are there are used, under the same names.
    moved = workflow.snakemake(work, "features", "--config", "results=other")
    assert "download_dataset" not in moved.jobs
    assert len(files.asked) == 4
    keys = [
        sorted((work / name / "ravdess/keys/tracks").iterdir()) for name in ("results", "other")
    ]
    assert [p.read_text() for p in keys[0]] == [p.read_text() for p in keys[1]]


def test_the_lists_of_this_process_are_the_real_ones():
    assert len(ravdess.ARCHIVES) == 24
