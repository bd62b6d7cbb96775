"""Whole class names after one prompt: the tree by hand, and both models against whole passes."""

import pytest
import torch
from torch.nn import functional

from facewave.vlm.class_names import class_names
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.paligemma.build import random_model
from facewave.vlm.paligemma.toy import tiny_config, tiny_processor
from facewave.vlm.qwen import build as qwen
from facewave.vlm.qwen.model import tiny_qwen
from facewave.vlm.qwen.toy import tiny_qwen_config, tiny_qwen_processor
from tests.vlm.made_up_clips import clip, options
from tests.vlm.made_up_videos import few_shot, video
from tests.vlm.split_names import MAFW, PIECES, tokens

pytestmark = pytest.mark.usefixtures("one_thread")
# Two that begin alike, one that is the beginning of another, and one that shares nothing.
ALIKE = ("dis", "disgust", "disappointment", "fear")


class Letters:
    """A tokenizer that writes a letter per token."""

    unk_token_id, eos_token_id = -1, 0

    def __call__(self, name, **_):
        return {"input_ids": [ord(letter) - 96 if letter > " " else -1 for letter in name]}


def test_tree_by_hand():
    names = class_names(Letters(), ["ab", "acd", "e"])
    assert names.nodes.tolist() == [1, 3]  # a, and c after it
    assert names.depths.tolist() == [1, 2]
    assert names.above.tolist() == [[True, False], [True, True]]
    assert names.places.tolist() == [[0, 1, 0, 0], [0, 1, 2, 0], [0, 0, 0, 0]]
    assert names.scored.sum(dim=1).tolist() == [2, 3, 1]  # without the end
    logits = torch.randn(5, 3, 10, generator=torch.Generator().manual_seed(0))
    known = logits.log_softmax(dim=2)
    wanted = [
        known[:, 0, 1] + known[:, 1, 2],
        known[:, 0, 1] + known[:, 1, 3] + known[:, 2, 4],
        known[:, 0, 5],
    ]
    torch.testing.assert_close(names.scores(logits), torch.stack(wanted, dim=1))


def test_where_a_name_begins_another_one_the_end_is_scored_for_all():
    names = class_names(Letters(), ["a", "ab", "c"])
    assert names.nodes.tolist() == [1, 3, 2]  # a, c, and b after a
    assert names.scored.sum(dim=1).tolist() == [2, 3, 2]
    assert names.places.tolist() == [[0, 1, 0], [0, 1, 3], [0, 2, 0]]


def test_names_of_one_token_have_no_nodes():
    names = class_names(Letters(), ["a", "b", "c"])
    assert (len(names.nodes), names.above.shape) == (0, (0, 0))


def test_names_that_cannot_be_told_apart_or_written_are_refused():
    with pytest.raises(ValueError, match="classes 'happy' and 'happy' have the same tokens"):
        class_names(Letters(), ["happy", "sad", "happy"])
    for name in ("", "a b"):
        with pytest.raises(ValueError, match=f"class '{name}' cannot be written"):
            class_names(Letters(), ["happy", name])


def paligemma(classes, *, window=4096, **changes):
    processor = tiny_processor(PIECES)
    config = tiny_config(processor)
    config.text_config.sliding_window = window
    return random_model(config, processor, options(classes=tuple(classes), **changes))


def answers_of(tokenizer, names):
    """Return the tokens that are scored, written down anew."""
    rows = [tokens(tokenizer, name) for name in names]
    begun = any(a != b and a == b[: len(a)] for a in rows for b in rows)
    return [[*row, tokenizer.eos_token_id] if begun else row for row in rows]


def likelihood(logits, ids):
    wanted = torch.tensor(ids).expand(len(logits), -1)[..., None]
    return logits[:, -len(ids) - 1 : -1].float().log_softmax(dim=2).gather(2, wanted).sum((1, 2))


@pytest.mark.parametrize(
    ("classes", "window"), [(MAFW, 4096), (ALIKE, 4096), (ALIKE, 8), (MAFW, 3)]
)
def test_paligemma_scores_as_a_whole_pass_for_each_name(classes, window):
    """Also where the window of every second layer is shorter than the prompt, or than a name."""
    model = paligemma(classes, window=window)
    lengths = [len(tokens(model.processor.tokenizer, name)) for name in classes]
    assert max(lengths) > 2 > min(lengths)
    batch = model.collate([clip(0), clip(1, text="another")])
    with torch.no_grad():
        found = model(batch).logits
        sequence = model.read(batch)
        for index, ids in enumerate(answers_of(model.processor.tokenizer, classes)):
            answer = torch.tensor([ids]).expand(2, -1)
            embeds = model.base.get_input_embeddings()(answer)
            whole = sequence.followed_by(embeds, torch.ones_like(answer))
            wanted = likelihood(model.base(**whole.inputs()).logits, ids)
            torch.testing.assert_close(found[:, index], wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("classes", [MAFW, ALIKE])
@pytest.mark.parametrize("name", ["few-shot", "question", "no video"])
def test_qwen_scores_as_a_whole_pass_for_each_name(classes, name):
    model = tiny_qwen(PIECES, seed=3)
    conversation = {"few-shot": few_shot(), "no video": [Turn(text="Which emotion?")]}.get(
        name, [Turn(text="Which emotion?", video=video(4))]
    )
    batch = model.processor([conversation])
    wanted = []
    for ids in answers_of(model.tokenizer, classes):
        more = torch.tensor([ids])
        whole = {**batch, "input_ids": torch.cat([batch["input_ids"], more], dim=1)}
        whole["attention_mask"] = torch.ones_like(whole["input_ids"])
        types = [batch["mm_token_type_ids"], torch.zeros_like(more, dtype=torch.int32)]
        whole["mm_token_type_ids"] = torch.cat(types, dim=1)
        with torch.inference_mode():
            wanted.append(likelihood(model.base(**whole).logits, ids))
    # Beside a longer one, the conversation is padded.
    longer = [*few_shot(), *few_shot()] if name != "no video" else [Turn(text="Which? " * 9)]
    longer = [Turn(text=t.text, video=t.video, answer="so") for t in longer[:-1]] + longer[-1:]
    found = torch.from_numpy(model.score([longer, conversation], classes))
    torch.testing.assert_close(found[1], torch.cat(wanted), atol=1e-5, rtol=1e-5)


def test_a_name_s_score_does_not_depend_on_the_others():
    model = tiny_qwen(PIECES, seed=3)
    ask = [[Turn(text="Which emotion?", video=video(4))]]
    together = model.score(ask, MAFW)
    pair = model.score(ask, (MAFW[10], MAFW[1]))
    torch.testing.assert_close(
        torch.from_numpy(together[:, [10, 1]]), torch.from_numpy(pair), atol=1e-5, rtol=1e-5
    )


def read_lengths(model, run):
    """Return how many images or frames the vision tower sees, and tokens the language model."""
    seen = {"vision": 0, "tokens": 0}

    def vision(_, args, kwargs):
        seen["vision"] += len((args or tuple(kwargs.values()))[0])

    def language(_, args, kwargs):
        seen["tokens"] += kwargs["inputs_embeds"].shape[:2].numel()

    tower = model.visual if hasattr(model, "visual") else model.vision_tower
    hooks = [
        tower.register_forward_pre_hook(vision, with_kwargs=True),
        model.language_model.register_forward_pre_hook(language, with_kwargs=True),
    ]
    run()
    for hook in hooks:
        hook.remove()
    return seen


def test_eleven_names_read_the_images_and_the_prompt_once():
    qwen = tiny_qwen(PIECES, seed=3)
    batch = qwen.processor([[Turn(text="Which emotion?", video=video(4))]] * 2)
    seen = read_lengths(
        qwen.base.model,
        lambda: qwen.score([[Turn(text="Which emotion?", video=video(4))]] * 2, MAFW),
    )
    nodes = len(class_names(qwen.tokenizer, MAFW).nodes)
    assert nodes > len(MAFW)
    assert seen["vision"] == len(batch["pixel_values_videos"])
    assert seen["tokens"] == batch["input_ids"].numel() + 2 * nodes

    model = paligemma(MAFW)
    batch = model.collate([clip(0), clip(1)])
    with torch.no_grad():
        length = model.read(batch).embeds.shape[1]
        seen = read_lengths(model.base.model, lambda: model(batch))
    assert seen == {"vision": 2, "tokens": 2 * (length + len(model.labels.nodes))}


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_loss_is_that_of_the_scores_and_reaches_the_adapters(checkpointing):
    """In training, with and without computing activations again, and outside of it."""
    gradients = []
    for checkpoint in {False, checkpointing}:
        processor = tiny_qwen_processor(PIECES, max_pixels=56 * 56)
        given = options("qwen", classes=MAFW, gradient_checkpointing=checkpoint)
        model = qwen.random_model(tiny_qwen_config(processor), processor, given).train()
        batch = model.collate([clip(i, label=label) for i, label in enumerate((1, 10, 4))])
        output = model(batch)
        right = batch["labels"]
        torch.testing.assert_close(output.loss, functional.cross_entropy(output.logits, right))
        output.loss.backward()
        gradients.append([p.grad for p in model.parameters() if p.requires_grad])
        with torch.no_grad():
            outside = model.eval()(batch)
        torch.testing.assert_close(outside.logits, output.logits.detach())
        torch.testing.assert_close(outside.loss, output.loss.detach())
    assert sum(float(g.abs().sum()) for g in gradients[0]) > 0
    for one, other in zip(gradients[0], gradients[-1], strict=True):
        torch.testing.assert_close(one, other)
