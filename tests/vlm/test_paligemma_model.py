"""PaliGemma with a face, toy size, transformers' own classes: what sees what, what learns."""

import pytest
import torch
from torch.nn import functional

from facewave.vlm.paligemma.build import build_model, random_model
from facewave.vlm.paligemma.toy import tiny_config, tiny_processor
from tests.vlm.made_up_clips import CLASSES, SHAPES, clip, options

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def model():
    return build_model(options())


def batch_of(model, clips):
    return model.collate(clips)


def hidden(model, sequence):
    with torch.no_grad():
        return model.base.model(**sequence.inputs(), use_cache=False).last_hidden_state


def steps(model, batch, *, count, learning_rate=1e-2):
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0)
    model.train()
    for _ in range(count):
        optimiser.zero_grad()
        model(batch).loss.backward()
        optimiser.step()
    model.eval()


def test_every_token_of_the_prefix_sees_every_other(model):
    sequence = model.read(batch_of(model, [clip(0)]))
    length = sequence.embeds.shape[1]
    before = hidden(model, sequence)
    sequence.embeds[0, -1] += 1.0
    changed = (hidden(model, sequence) - before).abs().amax(dim=2)[0]
    assert (changed > 0).all()
    assert length == 4 + 5 + 16 + int(
        (batch_of(model, [clip(0)])["input_ids"] != model.processor.image_token_id).sum()
    )


def test_an_answer_sees_the_prefix_and_no_later_word(model):
    sequence = model.read(batch_of(model, [clip(0)]))
    length = sequence.embeds.shape[1]
    words = torch.zeros(1, 3, sequence.embeds.shape[2])
    whole = sequence.followed_by(words, torch.ones(1, 3, dtype=torch.int64))
    before = hidden(model, whole)
    whole.embeds[0, length + 1] += 1.0
    changed = (hidden(model, whole) - before).abs().amax(dim=2)[0]
    assert (changed[: length + 1] == 0).all()
    assert (changed[length + 1 :] > 0).all()
    whole.embeds[0, 0] += 1.0
    assert (hidden(model, whole) - before).abs().amax(dim=2)[0].all()


def test_padding_changes_nothing():
    model = build_model(options(prompt="question_text"))
    short, long = clip(0, text="yes"), clip(1, text="she laughs and turns to the window")
    together = batch_of(model, [short, long])
    assert together["attention_mask"].min() == 0
    with torch.no_grad():
        both = model(together).logits
        for row, one in enumerate((short, long)):
            alone = model(batch_of(model, [one])).logits[0]
            torch.testing.assert_close(both[row], alone, atol=1e-5, rtol=1e-4)
    together["input_ids"][together["attention_mask"] == 0] = 7
    with torch.no_grad():
        torch.testing.assert_close(model(together).logits, both)


def test_missing_token_types_are_refused(model):
    batch = batch_of(model, [clip(0)])
    del batch["token_type_ids"]
    with pytest.raises(ValueError, match="no token_type_ids: without them the prompt would"):
        model(batch)


def test_padding_on_the_right_is_refused(model):
    batch = batch_of(model, [clip(0)])
    batch["attention_mask"][0, -1] = 0
    with pytest.raises(ValueError, match="padded on the right"):
        model(batch)


def test_learns_from_the_face_alone_and_fails_with_other_faces():
    """Equal images and prompts: only the face can tell the clips apart."""
    model = build_model(options())
    clips = [clip(index, same_image=True) for index in range(7)]
    batch = batch_of(model, clips)
    steps(model, batch, count=60)
    with torch.no_grad():
        learned = model(batch)
        shuffled = {
            **batch,
            **{name: batch[name].roll(1, dims=0) for name in SHAPES},
        }
        fooled = model(shuffled)
    assert learned.logits.argmax(dim=1).equal(batch["labels"])
    assert learned.loss < 0.1
    assert (fooled.logits.argmax(dim=1) == batch["labels"]).sum() == 0
    assert fooled.loss > 1.0


def test_the_image_is_seen_as_well():
    model = build_model(options(use_face=False))
    assert model.face is None
    batch = batch_of(model, [clip(index) for index in range(4)])
    steps(model, batch, count=60)
    assert model(batch).logits.argmax(dim=1).equal(batch["labels"])


@pytest.mark.parametrize("images", [1, 2])
def test_without_what_is_trained_it_is_the_library_s_own_model(images):
    """Image embeddings, scales, positions and mask are those of PaliGemma's `forward`."""
    plain = build_model(options(use_face=False, soft_prefix=0, lora_rank=0, frames=images))
    batch = batch_of(plain, [clip(0, count=images), clip(1, count=images)])
    with torch.no_grad():
        logits = plain.base(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            token_type_ids=batch["token_type_ids"],
            pixel_values=batch["pixel_values"].flatten(0, 1),
        ).logits[:, -1]
        torch.testing.assert_close(
            plain(batch).logits, logits.log_softmax(dim=1)[:, plain.labels.ids[:, 0]]
        )


def test_the_face_sees_the_image_from_the_start_and_not_through_a_closed_gate(model):
    batch = batch_of(model, [clip(0), clip(1)])
    other = {**batch, "image_features": torch.randn(2, 1, 16, 24)}
    tokens = [model.read(each).embeds[:, 4:9] for each in (batch, other)]
    assert (tokens[0] - tokens[1]).abs().max() > 1e-3
    closed = build_model(options())
    with torch.no_grad():
        closed.face.gate.fill_(0.0)
    tokens = [closed.read(each).embeds[:, 4:9] for each in (batch, other)]
    torch.testing.assert_close(tokens[0], tokens[1])


def test_a_clip_without_a_face_has_the_null_token(model):
    first, second = clip(0, same_image=True, valid=False), clip(1, same_image=True, valid=False)
    second.face["landmarks"][:] = float("nan")
    with torch.no_grad():
        logits = model(batch_of(model, [first, second])).logits
    torch.testing.assert_close(logits[0], logits[1])
    usable = batch_of(model, [clip(0, same_image=True), second])
    model.zero_grad()
    model(usable).loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert model.face.encoder.null.grad.abs().max() > 0


def test_every_trained_parameter_has_a_gradient(model):
    """Otherwise training on several GPUs would wait for it for ever."""
    model.zero_grad()
    model(batch_of(model, [clip(0), clip(1, valid=False)])).loss.backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize("changes", [{"use_image": False}, {"use_face": False, "lora_rank": 0}])
def test_ablated_models_have_no_idle_parameters(changes):
    model = build_model(options(**changes))
    model(batch_of(model, [clip(0)])).loss.backward()
    idle = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []


def test_lora_is_in_the_language_model_alone(model):
    adapters = [name for name, _ in model.named_parameters() if "lora_" in name]
    assert len(adapters) == 2 * 2 * 2  # layers, queries and values, two matrices
    assert all(".language_model." in name for name in adapters)
    assert not any("vision_tower" in name for name in model.trainable_state())


def test_cached_features_equal_live_ones(model):
    batch = batch_of(model, [clip(0, seed=1), clip(1, seed=1)])
    cached = dict(batch)
    features = model.backbone.image_features(cached.pop("pixel_values"))
    assert features.shape == (2, 1, 16, 24)
    examples = [clip(i, seed=1, images=None, image_features=features[i].clone()) for i in range(2)]
    with torch.no_grad():
        live = model(batch).logits
        assert model({**cached, "image_features": features}).logits.equal(live)
        assert model(batch_of(model, examples)).logits.equal(live)


def test_several_images():
    model = build_model(options(frames=2))
    batch = batch_of(model, [clip(0, count=2), clip(1, count=2)])
    assert batch["pixel_values"].shape == (2, 2, 3, 56, 56)
    with torch.no_grad():
        before = model(batch).logits
        batch["pixel_values"][0] = batch["pixel_values"][0].flip(0)
        after = model(batch).logits
    assert not after[0].equal(before[0])
    torch.testing.assert_close(after[1], before[1])
    with pytest.raises(ValueError, match=r"places for \[32\] patches, the images have 16"):
        model({**batch, "pixel_values": batch["pixel_values"][:, :1]})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"head": "linear"},
        {"head": "generate"},
        {"head": "regression", "targets": ("valence", "arousal")},
        {"classes": ("very happy", "very sad"), "soft_prefix": 0},
    ],
    ids=str,
)
def test_a_batch_of_one_clip_without_a_face_trains(changes):
    model = build_model(options(frames=2, gradient_checkpointing=True, **changes)).train()
    one = clip(0, count=2, valid=False, target=(1.0, -2.0))
    output = model(batch_of(model, [one]))
    output.loss.backward()
    assert output.loss.shape == ()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
    model.eval()
    with torch.no_grad():
        if model.options.head == "generate":
            assert len(model.generate_text(batch_of(model, [one]))) == 1
        else:
            outputs = len(model.options.targets) or len(model.options.classes)
            assert model(batch_of(model, [one])).logits.shape == (1, outputs)


@pytest.mark.parametrize("pixels", [224, 448])
def test_the_resolution_is_the_checkpoint_s(pixels):
    processor = tiny_processor(CLASSES, pixels=pixels)
    config = tiny_config(processor)
    config.vision_config.image_size = pixels
    model = random_model(config, processor, options())
    batch = batch_of(model, [clip(0)])
    patches = (pixels // 14) ** 2
    assert batch["pixel_values"].shape == (1, 1, 3, pixels, pixels)
    assert (batch["input_ids"] == processor.image_token_id).sum() == patches
    with torch.no_grad():
        assert model(batch).logits.isfinite().all()
        assert model.backbone.image_features(batch["pixel_values"]).shape == (1, 1, patches, 24)


def test_generate_equals_a_greedy_loop(model):
    batch = batch_of(model, [clip(0), clip(1)])
    sequence = model.read(batch)
    answers = []
    for _ in range(5):
        logits = model.base.lm_head(hidden(model, sequence)[:, -1])
        answers.append(logits.argmax(dim=1))
        words = model.base.get_input_embeddings()(answers[-1])[:, None]
        sequence = sequence.followed_by(words, torch.ones(2, 1, dtype=torch.int64))
    rows = torch.stack(answers, dim=1).tolist()
    end = model.processor.tokenizer.eos_token_id
    rows = [row[: row.index(end)] if end in row else row for row in rows]
    wanted = model.processor.tokenizer.batch_decode(rows, skip_special_tokens=True)
    assert model.generate_text(batch, max_new_tokens=5) == wanted
    assert all(wanted)


def test_equal_seeds_equal_models_and_torch_s_own_state_stays():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    states = [build_model(options(seed=seed)).trainable_state() for seed in (1, 1, 2)]
    assert torch.rand(1).equal(wanted)
    assert all(states[0][name].equal(states[1][name]) for name in states[0])
    first = "face.encoder.null"
    assert not states[0][first].equal(states[2][first])


def test_autocast_around_the_model_changes_nothing(model):
    batch = batch_of(model, [clip(0), clip(1)])
    with torch.no_grad():
        plain = model(batch).logits
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert model(batch).logits.equal(plain)


def test_bfloat16_is_near_float32_and_trains_float32_weights(model):
    batch = batch_of(model, [clip(0), clip(1)])
    coarse = build_model(options(dtype="bfloat16"))
    coarse.base.load_state_dict(model.base.state_dict())
    coarse.load_trainable_state(model.trainable_state())
    assert coarse.base.lm_head.weight.dtype == torch.bfloat16
    assert {p.dtype for p in coarse.parameters() if p.requires_grad} == {torch.float32}
    with torch.no_grad():
        exact, rounded = model(batch).logits, coarse(batch).logits
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, atol=0.2, rtol=0.1)
    coarse(batch).loss.backward()


def test_float16_is_refused():
    with pytest.raises(ValueError, match=r"float16 cannot be used.*become infinite; take bfloat16"):
        options(dtype="float16")


def test_gradient_checkpointing_gives_the_same_gradients():
    gradients, passes = [], []
    for checkpointing in (False, True):
        model = build_model(options(gradient_checkpointing=checkpointing)).train()
        count = []
        layer = model.base.model.language_model.layers[0].mlp
        layer.register_forward_hook(lambda *_, count=count: count.append(1))
        model(batch_of(model, [clip(0), clip(1)])).loss.backward()
        passes.append(len(count))
        gradients.append({n: p.grad for n, p in model.named_parameters() if p.requires_grad})
    assert passes == [1, 2]
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient)


def test_weights_of_clips_scale_their_losses(model):
    batch = batch_of(model, [clip(0), clip(1)])
    with torch.no_grad():
        logits = model(batch).logits
        losses = functional.cross_entropy(logits, batch["labels"], reduction="none")
        weighted = model({**batch, "weights": torch.tensor([2.0, 0.0])}).loss
    torch.testing.assert_close(weighted, losses[0])


def test_parts_are_frozen_by_name():
    model = build_model(options(projector=True, head="linear"))
    model.set_trainable(["face", "projector"])
    parts = {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad}
    trained = [n for n, p in model.base.named_parameters() if p.requires_grad]
    assert parts == {"face", "base"}
    assert all("multi_modal_projector" in name for name in trained)
    model(batch_of(model, [clip(0)])).loss.backward()
    assert model.base.model.multi_modal_projector.linear.weight.grad.abs().max() > 0
    with pytest.raises(ValueError, match="part 'faces', expected some of face, soft_prefix, lora"):
        model.set_trainable(["faces"])
    with pytest.raises(ValueError, match="nothing to train"):
        build_model(options()).set_trainable(["projector"])


def test_features_of_another_shape_are_refused(model):
    batch = batch_of(model, [clip(0)])
    batch["landmarks"] = batch["landmarks"][:, :2]
    with pytest.raises(ValueError, match=r"have the shape \(2, 478, 3\).*those of the splits"):
        model(batch)


def test_class_names_are_asked_for_in_the_prompt(model):
    ids = batch_of(model, [clip(0)])["input_ids"][0]
    text = model.processor.tokenizer.decode(ids[ids != model.processor.image_token_id])
    assert all(name in text for name in CLASSES)
    assert text.endswith("\n")
