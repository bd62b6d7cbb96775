"""Label words, whole labels behind one prefix, linear classes, regression, generation."""

import pytest
import torch
from torch.nn import functional

from facewave.vlm import heads
from facewave.vlm.paligemma.batch import collate
from facewave.vlm.paligemma.build import build_model, random_model
from facewave.vlm.faces.statistics import fit_targets
from facewave.vlm.paligemma.toy import tiny_config, tiny_processor
from tests.vlm.made_up_clips import CLASSES, clip, options

pytestmark = pytest.mark.usefixtures("one_thread")
# Two that begin alike, one that is the beginning of another.
ALIKE = ("very", "very happy", "happy", "very very sad")


def batch_of(model, clips):
    return collate(clips, model.processor, model.options)


def train(model, batch, *, count, learning_rate=1e-2):
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)
    model.train()
    for _ in range(count):
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()
    model.eval()


@pytest.fixture(scope="module")
def words():
    return build_model(options(classes=ALIKE))


def test_first_tokens_of_the_labels_differ():
    model = build_model(options())
    assert model.labels.first_differ
    assert not model.scores_whole_words
    assert len(set(model.labels.first.tolist())) == len(CLASSES)
    decoded = [model.processor.tokenizer.decode(row[:1]) for row in model.labels.ids]
    assert decoded == list(CLASSES)


def test_labels_that_begin_alike_are_scored_whole(words):
    assert not words.labels.first_differ
    assert words.scores_whole_words
    end = words.processor.tokenizer.eos_token_id
    lengths = words.labels.mask.sum(dim=1)
    assert [row[n - 1] for row, n in zip(words.labels.ids, lengths, strict=True)] == [end] * 4
    assert len(set(lengths.tolist())) > 1


def test_a_logit_is_that_of_the_label_s_first_token():
    model = build_model(options())
    batch = batch_of(model, [clip(0), clip(1)])
    sequence = model.read(batch)
    with torch.no_grad():
        logits = model.base(**sequence.inputs()).logits[:, -1]
        torch.testing.assert_close(model(batch).logits, logits[:, model.labels.first])


@pytest.mark.parametrize("window", [4096, 8])
def test_one_prefix_for_all_labels_equals_a_whole_pass_for_each(window):
    """Also where the prefix is longer than the window of every second layer, as at 896 pixels."""
    processor = tiny_processor(ALIKE)
    config = tiny_config(processor)
    config.text_config.sliding_window = window
    words = random_model(config, processor, options(classes=ALIKE))
    batch = batch_of(words, [clip(0, label=None), clip(1, label=None)])
    with torch.no_grad():
        scores = words(batch).logits
        sequence = words.read(batch)
        for index in range(len(ALIKE)):
            length = int(words.labels.mask[index].sum())
            ids = words.labels.ids[index, :length].expand(2, -1)
            answer = words.base.get_input_embeddings()(ids)
            whole = sequence.followed_by(answer, torch.ones_like(ids))
            logits = words.base(**whole.inputs()).logits[:, -length - 1 : -1]
            each = logits.float().log_softmax(dim=2).gather(2, ids[..., None]).sum(dim=(1, 2))
            torch.testing.assert_close(scores[:, index], each, atol=1e-4, rtol=1e-5)


def test_loss_of_whole_labels_is_the_same_in_training_and_out_of_it(words):
    batch = batch_of(words, [clip(0, label=0), clip(1, label=1), clip(2, label=3)])
    with torch.no_grad():
        outside = words(batch)
        words.train()
        inside = words(batch)
        words.eval()
    torch.testing.assert_close(inside.loss, outside.loss)
    assert inside.logits is None
    assert outside.logits.shape == (3, 4)


def test_whole_labels_are_learned():
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


def test_labels_that_are_the_same_tokens_are_refused():
    tokenizer = build_model(options()).processor.tokenizer
    with pytest.raises(ValueError, match="classes 'happy' and 'happy' have the same tokens"):
        heads.label_tokens(tokenizer, ["happy", "sad", "happy"])
    with pytest.raises(ValueError, match="class '' cannot be written"):
        heads.label_tokens(tokenizer, ["happy", ""])


def test_targets_that_cannot_be_learned_are_refused():
    with pytest.raises(ValueError, match="target 1 is 3 for every training clip"):
        fit_targets([(1.0, 3.0), (2.0, 3.0)])
    with pytest.raises(ValueError, match="target 0 of training clip 1 is nan"):
        fit_targets([(1.0, 3.0), (float("nan"), 4.0)])
