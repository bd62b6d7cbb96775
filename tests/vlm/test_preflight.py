"""What is checked on the machine with the GPU; the GPU itself is a number here."""

import json
from dataclasses import replace

import pytest
import torch

from facewave.config.check import check_config
from facewave.jobs.gpus import GpuError
from facewave.planning.weights import checks_wanted
from facewave.vlm import preflight
from facewave.vlm.paligemma.build import build_model
from facewave.vlm.preflight import GpuRequest, check_gpu, main, weights_bytes
from tests.vlm.made_up_clips import options

pytestmark = pytest.mark.usefixtures("one_thread")
GIB = 1024**3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    model = build_model(options(lora_rank=0, soft_prefix=0, use_face=False))
    model.base.save_pretrained(folder)
    model.processor.save_pretrained(folder)
    return folder, sum(parameter.numel() for parameter in model.base.parameters())


@pytest.fixture
def request_(checkpoint, tmp_path):
    """The request of the default options, for the checkpoint."""
    config = check_config({"vlm": {"model": str(checkpoint[0])}})
    given = json.loads(json.dumps(checks_wanted(config)["vlm-paligemma"]))
    return GpuRequest(**given, results=str(tmp_path / "results"), trainings=10)


def test_a_gpu_that_is_not_there_is_told_with_what_to_do(request_, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(GpuError, match=r"vlm\.gpus is 1, but .* (0|sees 0) GPUs.*vlm\.gpus: 0"):
        check_gpu(request_)
    given = {"model": "x", "revision": None, "dtype": "bfloat16", "gpus": 1, "section": "vlm"}
    assert main(json.dumps(given)) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_memory_is_held_against_the_estimate(request_, checkpoint):
    folder, _ = checkpoint

    def check(*, free, total):
        return preflight._check_memory(request_, folder, free=free, total=total, device="A GPU")

    lines = check(free=80 * GIB, total=80 * GIB)
    assert "parameters are trained" in lines[0]
    assert lines[1].startswith("memory, GiB: ")
    assert lines[2].startswith("10 trainings write up to ")
    assert not any("WARNING" in line for line in lines)
    assert "are free now" in check(free=1, total=80 * GIB)[-1]
    with pytest.raises(GpuError, match=r"GiB are needed, and A GPU has 0\.0: set vlm\.batch_size"):
        check(free=1, total=1)


def test_a_full_disk_is_told(request_, checkpoint, monkeypatch):
    usage = preflight.shutil.disk_usage("/")._replace(free=1)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(GpuError, match=r"10 trainings write .* GB.*set `results` to a folder on"):
        preflight._check_memory(request_, checkpoint[0], free=GIB, total=GIB, device="A GPU")


def test_of_models_that_answer_the_weights_are_counted(request_, checkpoint):
    folder, count = checkpoint
    assert weights_bytes(folder, "bfloat16") == 2 * count
    asked = replace(request_, trained=None, section="zero_shot")
    lines = preflight._check_memory(asked, folder, free=GIB, total=GIB, device="A GPU")
    assert "what else is needed is not estimated" in lines[0]
    with pytest.raises(GpuError, match=r"lower zero_shot\.batch_size"):
        preflight._check_memory(asked, folder, free=1, total=1, device="A GPU")
