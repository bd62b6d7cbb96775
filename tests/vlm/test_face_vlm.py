"""Both models with a face, at toy size with transformers' own classes: what moves, what is seen."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml

from facewave.config.check import check_config
from facewave.mlp.mirror import mirror_swap
from facewave.vlm.faces.encoder import FaceEncoder
from facewave.vlm.faces.statistics import FaceStatistics
from facewave.vlm.fine_tuning.build import build
from facewave.vlm.fine_tuning.fit import PARTS
from facewave.vlm.training.interface import TrainingData, TrainingFiles, TrainingOptions
from facewave.vlm.training.loop import train
from facewave.vlm.training.parts import LEAST_MOVE
from tests.vlm.made_up_clips import CLASSES, SHAPES, clip, options
from tests.workflow.workflow import ROOT

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = ("paligemma", "qwen")
PRESET = yaml.safe_load((ROOT / "presets" / "vlm_tiny.yaml").read_text())["vlm"]
# Optimiser steps of both stages on a fold of DFEW with the default options.
REAL_STEPS = 450


@pytest.fixture(scope="module", params=FAMILIES)
def model(request):
    return build(options(request.param, projector=True))


def trained(family, folder, *, steps, learning_rate):
    """Train what the first stage trains, by the default rates; faces alone tell the clips apart."""
    section = check_config({"vlm": {**PRESET, "learning_rate": learning_rate}})["vlm"]
    names = ("width", "heads", "soft_prefix", "lora_rank", "lora_alpha", "dropout")
    model = build(options(family, projector=True, **{name: section[name] for name in names}))
    stage = section["stages"]["adaptation"]
    model.set_trainable([part for name in stage["train"] for part in PARTS[name]])
    count = len(CLASSES)

    def make_batch(rows):
        shown = [clip(int(row)) for row in rows]
        faces = [clip(int(row) % count).face for row in rows]
        return model.collate([replace(c, face=f) for c, f in zip(shown, faces, strict=True)])

    data = TrainingData(
        make_batch=make_batch,
        # One epoch, since the end of each writes files; every time with another image.
        train=np.arange(count, count * (steps + 1)),
        val=np.arange(count),
        outputs=len(CLASSES),
        score=lambda logits, rows: {"uar": 0.0},
    )
    given = {"batch_size": count, "accumulation": 1, "epochs": 1, "checkpoint_steps": steps}
    files = TrainingFiles(
        checkpoints=folder / "checkpoints",
        key="key",
        **{name: folder / f"{name}.csv" for name in ("metrics", "steps", "movement")},
    )
    training = TrainingOptions.from_config({**section, **given})
    train(model, data, options=training, seed=4, files=files)
    model.eval()
    with files.movement.open() as file:
        moved = {row["module"]: float(row["moved"]) for row in csv.DictReader(file)}
    return model, make_batch(np.arange(count)), moved


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("steps", "learning_rate"),
    [
        (REAL_STEPS // 10, PRESET["learning_rate"]),
        pytest.param(REAL_STEPS, 0.0001, marks=pytest.mark.slow),
    ],
)
def test_every_part_moves_and_faces_alone_reach_the_labels(family, tmp_path, steps, learning_rate):
    """Few steps at ten times the rate are as far as the default's many; both are tried."""
    assert learning_rate * steps == pytest.approx(
        check_config({})["vlm"]["learning_rate"] * REAL_STEPS
    )
    model, batch, moved = trained(family, tmp_path, steps=steps, learning_rate=learning_rate)
    assert moved["face.gate"] >= 0.1
    assert moved["soft_prefix"] >= 0.1
    assert min(moved.values()) >= LEAST_MOVE, moved
    with torch.no_grad():
        learned = model(batch).logits.argmax(dim=1)
        others = {**batch, **{name: batch[name].roll(1, dims=0) for name in SHAPES}}
        fooled = model(others).logits.argmax(dim=1)
    assert learned.equal(batch["labels"])
    assert (fooled == batch["labels"]).sum() <= 1


def test_without_a_face_qwen_is_the_library_s_own_model():
    """Positions, types and the video's place are those of transformers; so is a batch's padding."""
    plain = build(options("qwen", use_face=False, soft_prefix=0, lora_rank=0, frames=3))
    clips = [clip(0, count=3), clip(1, count=3, text="another question")]
    batch = plain.collate(clips)
    plain.options = build(options("qwen", prompt="question_text", frames=3)).options
    own = {k: v for k, v in batch.items() if k != "labels"}
    with torch.no_grad():
        logits = plain.base(**own).logits[:, -1].log_softmax(dim=-1)
        found = plain(batch).logits
    torch.testing.assert_close(found, logits[:, plain.labels.ids[:, 0]], atol=1e-5, rtol=1e-5)


def test_qwen_gives_every_token_the_position_that_the_library_gives_it():
    """Soft prefix and face count as words before the video, which keeps its timing."""
    model = build(options("qwen", frames=4))
    batch = model.collate([clip(0, count=4), clip(1, count=4)])
    sequence = model.read(batch)
    front = model.options.front_tokens
    assert front == 4 + 5
    wanted, _ = model.base.model.get_rope_index(
        batch["input_ids"],
        mm_token_type_ids=batch["mm_token_type_ids"],
        video_grid_thw=batch["video_grid_thw"],
        second_per_grid_ts=batch["second_per_grid_ts"],
        attention_mask=batch["attention_mask"],
    )
    assert sequence.position_ids.equal(wanted)
    ids = batch["input_ids"][0].tolist()
    pad = model.backbone.tokenizer.pad_token_id
    start = model.base.config.vision_start_token_id
    assert ids.count(pad) == front
    assert ids.index(start) == ids.index(pad) + front
    with torch.no_grad():
        words = model.base.get_input_embeddings()(batch["input_ids"])
    changed = (sequence.embeds[0] != words[0]).any(dim=1)
    video = batch["mm_token_type_ids"][0] == 2
    assert changed.equal(video | (batch["input_ids"][0] == pad))


def test_the_library_reads_the_sequence_of_qwen_to_the_same_end():
    """The embeddings with a face in the library's own forward pass, which counts positions."""
    model = build(options("qwen", frames=2))
    batch = model.collate([clip(0, count=2), clip(1, count=2)])
    with torch.no_grad():
        sequence = model.read(batch)
        own = {k: batch[k] for k in ("input_ids", "attention_mask", "mm_token_type_ids")}
        own |= {k: batch[k] for k in ("video_grid_thw", "second_per_grid_ts")}
        hidden = model.base.model(**own, inputs_embeds=sequence.embeds).last_hidden_state[:, -1]
        logits = model.base.lm_head(hidden).log_softmax(dim=-1)
        found = model(batch).logits
    torch.testing.assert_close(found, logits[:, model.labels.ids[:, 0]], atol=1e-5, rtol=1e-5)


def test_a_batch_without_places_for_the_face_is_refused(model):
    bare = build(options(model.options.family, use_face=False, soft_prefix=0))
    batch = {**model.collate([clip(0)]), **bare.collate([clip(0)])}
    if model.options.family == "qwen":
        with pytest.raises(ValueError, match="have 0 places for soft prefix and face, which are 9"):
            model(batch)
        del batch["mm_token_type_ids"]
        with pytest.raises(ValueError, match="no mm_token_type_ids"):
            model(batch)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "changes",
    [
        {"head": "linear"},
        {"head": "generate", "use_face": False},
        {"head": "regression", "targets": ("valence", "arousal"), "classes": ()},
        {"use_image": False, "classes": ("very happy", "very sad")},
    ],
    ids=str,
)
def test_every_head_and_control_trains_all_that_it_has(family, changes):
    model = build(options(family, gradient_checkpointing=True, prompt="question", **changes))
    ones = [clip(0, valid=False, target=(1.0, -2.0)), clip(1, target=(2.0, 1.0))]
    model.train()(model.collate(ones)).loss.backward()
    idle = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert idle == []
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
    model.eval()
    with torch.no_grad():
        if changes.get("head") == "generate":
            assert len(model.generate_text(model.collate(ones))) == 2
        else:
            together = model(model.collate(ones)).logits
            alone = torch.cat([model(model.collate([one])).logits for one in ones])
            torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_a_clip_s_text_cannot_take_the_place_of_the_face():
    model = build(options("qwen", prompt="question_text"))
    batch = model.collate([clip(0, text="a <|endoftext|> and <|video_pad|>")])
    assert model.backbone._front(batch).sum() == model.options.front_tokens
    with torch.no_grad():
        assert model(batch).logits.isfinite().all()


def test_qwen_writes_what_the_library_s_generate_writes():
    model = build(options("qwen", frames=2, use_face=False, soft_prefix=0, lora_rank=0))
    batch = model.collate([clip(0, count=2), clip(1, count=2)])
    own = {k: v for k, v in batch.items() if k != "labels"}
    ids = model.base.generate(**own, max_new_tokens=5, do_sample=False)
    new = ids[:, batch["input_ids"].shape[1] :]
    wanted = model.backbone.tokenizer.batch_decode(new, skip_special_tokens=True)
    assert model.generate_text(batch, max_new_tokens=5) == wanted


def test_the_face_is_as_large_as_the_model_s_words(model):
    sequence = model.read(model.collate([clip(0)]))
    start = 0
    if model.options.family == "qwen":
        pad = model.backbone.tokenizer.pad_token_id
        start = model.collate([clip(0)])["input_ids"][0].tolist().index(pad)
    sizes = sequence.embeds[0, start : start + 9].detach().square().mean(dim=1).sqrt()
    assert ((sizes / model.scale - 1).abs() < 0.6).all()


def test_the_soft_prefix_starts_as_words_of_the_question(model):
    words = model.base.get_input_embeddings()
    question = model.backbone.question(model.options, None)
    ids = model.backbone.tokenizer(question, add_special_tokens=False)["input_ids"][:4]
    with torch.no_grad():
        wanted = words(torch.tensor(ids)).float()
    torch.testing.assert_close(model.soft_prefix.detach() * model.scale, wanted)


# The encoder


def encoder(**changes):
    torch.manual_seed(0)
    return FaceEncoder(SHAPES, width=16, **changes)


def faces(count=4, seed=0):
    random = torch.Generator().manual_seed(seed)
    return {name: torch.randn(count, *shape, generator=random) for name, shape in SHAPES.items()}


def test_tokens_are_made_of_the_rows_of_their_groups():
    made, face, valid = encoder().eval(), faces(1), torch.tensor([True])
    before = made(face, valid)
    assert before.shape == (1, 5, 16)
    for group, row, token in (("pose", 1, 1), ("landmark_energy", 1, 4), ("blendshapes", 0, 0)):
        other = {**face, group: face[group].clone()}
        other[group][:, row] += 1.0
        changed = (made(other, valid) != before).any(dim=2)[0]
        assert changed.nonzero().ravel().tolist() == [token]


def test_every_group_says_about_as_much_at_the_start():
    """Six values of the pose weigh as much as 1,434 of the landmarks."""
    made = encoder()
    sizes = [
        made.first[group](values.flatten(2)).std().item() for group, values in faces(50).items()
    ]
    assert max(sizes) / min(sizes) < 1.5


def test_half_of_the_faces_are_mirrored_in_training_alone():
    made, face, valid = encoder(), faces(40), torch.ones(40, dtype=torch.bool)
    swaps = {group: mirror_swap(group, shape) for group, shape in SHAPES.items()}
    zeros = {group: values[0].flatten(1) * 0 for group, values in face.items()}
    ones = {group: torch.ones_like(values) for group, values in zeros.items()}
    made.set_statistics(FaceStatistics(mean=zeros, std=ones, mirror=swaps))
    flipped = {
        group: torch.from_numpy(swaps[group](values.reshape(40, -1).numpy())).reshape(values.shape)
        for group, values in face.items()
    }
    seen = made.train()(face, valid)
    plain, mirrored = made.eval()(face, valid), made(flipped, valid)
    whole = (seen == plain).all(dim=2).all(dim=1)
    turned = (seen - mirrored).abs().amax(dim=(1, 2)) < 1e-5
    assert (whole ^ turned).all()
    assert 8 < turned.sum() < 32
    assert "pose_partner" not in made.state_dict()
    assert "pose_mean" in made.state_dict()


def test_dropout_is_on_in_training_alone():
    made, face, valid = encoder(dropout=0.5), faces(), torch.ones(4, dtype=torch.bool)
    assert not made.train()(face, valid).equal(made(face, valid))
    assert made.eval()(face, valid).equal(made(face, valid))


def test_groups_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="pose has 4 rows per clip, and another code has 3"):
        FaceEncoder({**SHAPES, "pose": (4, 6)}, width=16)
    made, valid = encoder(), torch.ones(4, dtype=torch.bool)
    with pytest.raises(ValueError, match="the batch has no pose"):
        made({k: v for k, v in faces().items() if k != "pose"}, valid)
