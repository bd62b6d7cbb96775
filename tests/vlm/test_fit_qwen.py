"""Qwen2.5-VL with adapters in the shared loop: learning, exact resume, a whole job."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from facewave.vlm.fine_tuning.fit_qwen import FineTuning, fine_tune
from facewave.vlm.qwen.trainable import TrainableQwen

from facewave.config.check import check_config
from facewave.evaluation.predictions import read_predictions
from facewave.vlm.fine_tuning import fit_qwen
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.plan import fine_tuning_params
from facewave.vlm.qwen.model import tiny_qwen
from facewave.vlm.training.weights import load_state
from tests.vlm.made_up_videos import video
from tests.vlm.zero_shot_jobs import CLASSES, dataset

pytestmark = pytest.mark.usefixtures("one_thread")
LORA = {"rank": 4, "alpha": 8, "dropout": 0.1}


def model(**changes):
    return TrainableQwen(tiny_qwen(CLASSES, seed=3), CLASSES, **{**LORA, "seed": 1, **changes})


def batch(count=3):
    processor = tiny_qwen(CLASSES, seed=3).processor
    questions = [[Turn(text="Which?", video=video(2, seed=i))] for i in range(count)]
    return {**processor(questions), "labels": torch.arange(count)}


def test_adapters_alone_are_trained_and_only_in_the_language_model():
    trained = [name for name, p in model().named_parameters() if p.requires_grad]
    assert len(trained) == 2 * 2 * 2  # layers, queries and values, A and B
    assert all(".language_model." in name and ".lora_" in name for name in trained)
    assert all(p.dtype == torch.float32 for p in model().trainable_state().values())


def test_untrained_adapters_change_nothing_and_a_step_changes_the_answer():
    found, examples = model(dropout=0.0), batch()
    untouched = tiny_qwen(CLASSES, seed=3)
    ids = found.labels.ids[:, 0]
    inputs = {k: v for k, v in examples.items() if k != "labels"}
    with torch.no_grad():
        plain = untouched.base(**inputs).logits[:, -1].log_softmax(dim=1)[:, ids]
    first = found(examples)
    torch.testing.assert_close(first.logits, plain, atol=1e-5, rtol=1e-5)
    first.loss.backward()
    for parameter in found.parameters():
        if parameter.requires_grad:
            parameter.data -= 0.5 * parameter.grad
    assert found(examples).loss < first.loss


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ValueError, match="only the adapters"):
        model(rank=0)
    examples = batch()
    del examples["mm_token_type_ids"]
    with pytest.raises(ValueError, match="no mm_token_type_ids"):
        model()(examples)
    with pytest.raises(ValueError, match="missing"):
        model().load_trainable_state({})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return dataset(folder / "c", 9)


def job(files: Path, target: Path, **changes) -> FineTuning:
    given = {"models": {"toy": {"model": "tiny-random-qwen", "frames": 2}}, "enabled": ["toy"]}
    given |= {"dtype": "float32", "max_pixels": 3136}
    vlm = {"batch_size": 3, "accumulation": 1, "learning_rate": 0.01, "lora_rank": 4}
    vlm |= {"checkpoint_steps": 1, "gradient_checkpointing": False, "heads": 8}
    tuned = {"models": ["toy"], "epochs": 3}
    config = check_config({"zero_shot": given, "fine_tune": tuned, "vlm": {**vlm, **changes}})
    names = {"weights": "w.safetensors", "metrics": "m.csv", "steps": "s.csv"}
    names |= {"predictions": "p.parquet"}
    part = str(files / "test.parquet")
    return FineTuning(
        manifest=str(files / "manifest.parquet"),
        tracks=[str(files / "tracks.tsv")],
        store=str(files.parent / "store"),
        splits={"train": part, "val": part, "test": part},
        outputs={name: str(target / file) for name, file in names.items()},
        checkpoints=str(target / "checkpoints"),
        options=fine_tuning_params(config, "toy"),
        default_fps=25.0,
        seed=5,
        version=1,
    )


class Killed(BaseException):
    pass


class DyingQwen(TrainableQwen):
    """Dies in the fifth training step."""

    left = 4

    def forward(self, batch):
        if self.training:
            if not self.left:
                raise Killed
            self.left -= 1
        return super().forward(batch)


def test_a_killed_fine_tuning_ends_as_one_that_was_not(files, tmp_path, monkeypatch):
    whole = job(files, tmp_path / "whole")
    fine_tune(whole, threads=1, gpus=0)
    killed = job(files, tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(fit_qwen, "TrainableQwen", DyingQwen)
        with pytest.raises(Killed):
            fine_tune(killed, threads=1, gpus=0)
    assert list(Path(killed.checkpoints).glob("*/checkpoint.safetensors"))
    fine_tune(killed, threads=1, gpus=0)
    assert not list(Path(killed.checkpoints).iterdir())
    for name in ("weights", "metrics", "predictions"):
        assert Path(killed.outputs[name]).read_bytes() == Path(whole.outputs[name]).read_bytes()
    answers = read_predictions(whole.outputs["predictions"])
    assert answers.parts == ["val"] * 9 + ["test"] * 9
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1, rtol=1e-5)
    state, content = load_state(Path(whole.outputs["weights"]))
    assert len(state) == 8
    assert content["classes"] == list(CLASSES)


def test_paligemma_is_sent_elsewhere(files, tmp_path):
    done = job(files, tmp_path)
    other = {**done.options["model"], "model": "tiny-random"}
    with pytest.raises(ValueError, match="train_paligemma"):
        fine_tune(replace(done, options={**done.options, "model": other}), threads=1, gpus=0)
