"""The benchmark of training at full size, tried with the toy: rows, table, a row without memory."""

import importlib.util
import json

import pytest
import torch

from tests.workflow.workflow import ROOT

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def benchmark():
    path = ROOT / "benchmarks" / "training" / "vlm_training.py"
    spec = importlib.util.spec_from_file_location("vlm_training_benchmark", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_row_without_memory_does_not_end_the_others(benchmark, tmp_path, monkeypatch):
    measure = benchmark.measure

    def with_little_memory(model, batch, **arguments):
        if len(batch["input_ids"]) == 2 and model.options.gradient_checkpointing:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return measure(model, batch, **arguments)

    monkeypatch.setattr(benchmark, "measure", with_little_memory)
    given = ["--toy", "--batch", "1", "2", "--steps", "1", "--folder", str(tmp_path)]
    benchmark.main(given)
    rows = json.loads((tmp_path / "vlm_training.json").read_text())["rows"]
    assert [(row["model"], row["checkpointing"], row["clips"]) for row in rows] == [
        (model, checkpointing, clips)
        for model in ("PaliGemma 2 3B", "Qwen2.5-VL 3B")
        for checkpointing in (True, False)
        for clips in (1, 2)
    ]
    assert [row.get("error") for row in rows] == 2 * [None, "out of memory", None, None]
    assert all(row["seconds_a_clip"] > 0 for row in rows if "error" not in row)
    table = (tmp_path / "vlm_training.md").read_text().splitlines()
    assert len(table) == 2 + 2 + len(rows)
    assert table[5].startswith("| PaliGemma 2 3B | 2 | yes | 85 | out of memory |")


def test_without_a_gpu_the_full_size_is_not_tried(benchmark, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit, match="torch finds no GPU"):
        benchmark.main(["--folder", str(tmp_path)])
