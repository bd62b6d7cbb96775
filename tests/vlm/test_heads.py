"""Class names, linear classes, regression, generation."""

import pytest
import torch
from torch.nn import functional

from facewave.vlm.faces.statistics import fit_targets
from facewave.vlm.paligemma.build import build_model
from tests.vlm.made_up_clips import CLASSES, clip, options

pytestmark = pytest.mark.usefixtures("one_thread")
# Two that begin alike, one that is the beginning of another.
ALIKE = ("very", "very happy", "happy", "very very sad")


def batch_of(model, clips):
    return model.collate(clips)


def train(model, batch, *, count, learning_rate=1e-2):
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)
    model.train()
    for _ in range(count):
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()
    model.eval()


def test_a_logit_is_the_log_probability_of_a_name_of_one_token():
    model = build_model(options())
    assert not len(model.labels.nodes)
    first = model.labels.ids[:, 0]
    assert [model.processor.tokenizer.decode(row) for row in first] == list(CLASSES)
    batch = batch_of(model, [clip(0), clip(1)])
    sequence = model.read(batch)
    with torch.no_grad():
        logits = model.base(**sequence.inputs()).logits[:, -1]
        torch.testing.assert_close(model(batch).logits, logits.log_softmax(dim=1)[:, first])


def test_whole_names_are_learned():
    model = build_model(options(classes=ALIKE, lora_rank=16))
    batch = batch_of(model, [clip(index, label=index) for index in range(4)])
    train(model, batch, count=100)
    with torch.no_grad():
        assert model(batch).logits.argmax(dim=1).equal(batch["labels"])


def test_generation_is_learned_and_ends():
    model = build_model(options(head="generate", lora_rank=16))
    batch = batch_of(model, [clip(index, label=index) for index in range(4)])
    assert model.generate_text(batch) != list(CLASSES[:4])
    train(model, batch, count=80)
    assert model(batch).logits is None
    assert model.generate_text(batch) == list(CLASSES[:4])


def test_linear_head_learns():
    model = build_model(options(head="linear"))
    batch = batch_of(model, [clip(index) for index in range(4)])
    assert model(batch).logits.shape == (4, len(CLASSES))
    train(model, batch, count=40)
    assert model(batch).logits.argmax(dim=1).equal(batch["labels"])


@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_regression_learns_in_the_targets_own_units(loss):
    model = build_model(
        options(head="regression", classes=(), targets=("valence", "arousal"), regression_loss=loss)
    )
    targets = [(100.0, 0.1), (300.0, 0.2), (200.0, 0.5), (400.0, 0.4)]
    clips = [clip(i, label=None, target=t) for i, t in enumerate(targets)]
    batch = batch_of(model, clips)
    model.set_statistics(targets=fit_targets(targets))
    deviations = (batch["targets"] - model.head.mean) / model.head.std
    with torch.no_grad():
        before = model(batch)
        given = (before.logits - model.head.mean) / model.head.std
        measure = {"mse": functional.mse_loss, "huber": functional.huber_loss}[loss]
        torch.testing.assert_close(before.loss, measure(given, deviations))
    train(model, batch, count=50)
    with torch.no_grad():
        output = model(batch)
    errors = (output.logits - batch["targets"]).abs() / model.head.std
    assert output.logits.shape == (4, 2)
    assert errors.max() < 0.2
    assert model(batch_of(model, [clip(9, label=None)])).loss is None


def test_only_the_active_head_has_parameters():
    names = [name for name, _ in build_model(options()).named_parameters()]
    assert not any(name.startswith("head") for name in names)


def test_targets_that_cannot_be_learned_are_refused():
    with pytest.raises(ValueError, match="target 1 is 3 for every training clip"):
        fit_targets([(1.0, 3.0), (2.0, 3.0)])
    with pytest.raises(ValueError, match="target 0 of training clip 1 is nan"):
        fit_targets([(1.0, 3.0), (float("nan"), 4.0)])
