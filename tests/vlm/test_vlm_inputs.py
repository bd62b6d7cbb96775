"""Prompts, tokens, pictures and face statistics."""

import json

import numpy as np
import pytest
import torch

from facewave.prompts import questions as prompts
from facewave.splits.read import read_split
from facewave.vlm.paligemma.batch import collate
from facewave.vlm.paligemma.processor import (
    load_processor,
    prepare_pictures,
    prompt_ids,
    resolution,
    tiny_processor,
)
from facewave.vlm.paligemma.statistics import face_arrays, fit_statistics
from tests.splits.split_files import CLASSES as THREE
from tests.splits.split_files import write_split
from tests.vlm.vlm_clips import CLASSES, clip, options


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(CLASSES)


def test_the_prompt_lists_the_classes_and_asks_for_one_word():
    question = prompts.render("question", classes=("happy", "sad"))
    assert question.startswith("answer en ")
    assert "happy, sad" in question
    assert "one word" in question


def test_the_clip_s_own_text_is_shown_where_the_template_says_so():
    assert "a {smile}" in prompts.render("question_text", classes=("a", "b"), text="a {smile}")
    assert prompts.reads_text("question_text")
    assert not prompts.reads_text("question")
    assert "nothing is known" in prompts.render("question_text", classes=("a", "b"))
    assert prompts.render("Say {classes}", classes=("a", "b")) == "Say a, b"
    assert "\n" not in prompts.render("question_text", classes=("a",), text="two\nlines")


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("questoin", "no template 'questoin'; write the whole question or one of question"),
        ("Which of {labels}?", r"no field \{labels\}; there are \{classes\}"),
        ("Which of {classes?", "vlm.prompt"),
    ],
)
def test_templates_that_cannot_be_used_are_refused(prompt, message):
    with pytest.raises(prompts.PromptError, match=message):
        prompts.template_of(prompt)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        ("happy", 1),
        (" Happy.\n", 1),
        ("SAD", 2),
        ("happiness", None),
        ("happy or sad", None),
        ("unhappy", None),
        ("happy!", None),
        ("", None),
        (".", None),
    ],
)
def test_answers_are_read_strictly(answer, wanted):
    assert prompts.parse_answer(answer, ("neutral", "happy", "sad")) == wanted


def test_compound_classes_are_read_whole():
    classes = ("anger", "anger_disgust")
    assert [prompts.parse_answer(name, classes) for name in classes] == [0, 1]


def test_texts_are_shortened_by_tokens(processor):
    text = "she turns to the window and laughs"
    short = prompts.shorten(text, processor.tokenizer, tokens=5)
    assert text.startswith(short)
    assert 0 < len(short) < len(text)
    assert prompts.shorten(text, processor.tokenizer, tokens=1000) == text


@pytest.mark.parametrize("pictures", [1, 2])
def test_tokens_and_pictures_are_those_of_the_library_s_processor(processor, pictures):
    question = prompts.render("question", classes=CLASSES)
    frames = list(clip(0, pictures=pictures).frames)
    wanted = processor(
        images=[frames],
        text=["<image>" * pictures + question],
        input_data_format="channels_last",
    )
    assert prompt_ids(processor, question, pictures=pictures) == wanted["input_ids"][0]
    pixels = np.stack(wanted["pixel_values"])
    np.testing.assert_array_equal(prepare_pictures(processor, frames).numpy(), pixels)
    assert not any(wanted["token_type_ids"][0])


def test_a_clip_s_text_cannot_add_a_picture(processor):
    ids = prompt_ids(processor, "a <image> of <loc0001> <bos>", pictures=1)
    assert ids.count(processor.image_token_id) == processor.image_seq_length
    assert ids.count(processor.tokenizer.bos_token_id) == 1
    assert processor.tokenizer.decode(ids[17:]) == "a <image> of <loc0001> <bos>\n"


@pytest.mark.parametrize("kind", ["SiglipImageProcessorPil", "SiglipImageProcessor"])
def test_a_checkpoint_s_processor_is_read_without_torchvision(processor, tmp_path, kind):
    """Released checkpoints name the class without `Pil`, in a file of its own."""
    processor.save_pretrained(tmp_path)
    whole = json.loads((tmp_path / "processor_config.json").read_text())
    pictures = whole.pop("image_processor")
    pictures["image_processor_type"] = kind
    pictures["processor_class"] = "PaliGemmaProcessor"
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(pictures))
    (tmp_path / "processor_config.json").unlink()
    again = load_processor(tmp_path)
    frames = list(clip(0).frames)
    assert prompt_ids(again, "who?", pictures=1) == prompt_ids(processor, "who?", pictures=1)
    assert prepare_pictures(again, frames).equal(prepare_pictures(processor, frames))
    assert resolution(again) == 56


def test_equal_classes_equal_tokens(processor):
    assert tiny_processor(CLASSES).tokenizer.get_vocab() == processor.tokenizer.get_vocab()


def test_equal_prompts_have_no_padding(processor):
    batch = collate([clip(0), clip(1)], processor, options())
    assert batch["attention_mask"].min() == 1
    assert batch["token_type_ids"].max() == 0
    assert batch["labels"].tolist() == [0, 1]
    assert batch["valid"].dtype == torch.bool


def test_long_texts_are_cut_and_shorter_prompts_padded_on_the_left(processor):
    wanted = options(prompt="question_text", text_tokens=6)
    clips = [clip(0, text="word " * 500), clip(1, text="x"), clip(2)]
    batch = collate(clips, processor, wanted)
    plain = collate([clip(2)], processor, options())["input_ids"].shape[1]
    assert batch["input_ids"].shape[1] < plain + 60
    assert batch["attention_mask"][:, -1].all()
    assert (batch["attention_mask"].diff(dim=1) >= 0).all()


def test_ablated_inputs_are_left_out(processor):
    face = collate([clip(0, frames=None)], processor, options(use_image=False))
    assert "pixel_values" not in face
    assert processor.image_token_id not in face["input_ids"]
    picture = collate([clip(0)], processor, options(use_face=False))
    assert "landmarks" not in picture
    with pytest.raises(ValueError, match="sees nothing of the clip"):
        options(use_face=False, use_image=False)


def test_clips_without_frames_are_named(processor):
    with pytest.raises(ValueError, match="clip 'clip1' has no frames"):
        collate([clip(0), clip(1, frames=None)], processor, options())
    with pytest.raises(ValueError, match="clip 'clip1' has 2 pictures, the model takes 1"):
        collate([clip(0), clip(1, pictures=2)], processor, options())
    assert "labels" not in collate([clip(0), clip(1, label=None)], processor, options())


@pytest.fixture
def split(tmp_path):
    """A split of six clips, the last without a face, as the workflow lays it out."""
    random = np.random.default_rng(0)
    shapes = {"landmarks": (2, 478, 3), "blendshapes": (2, 52), "pose": (2, 6)}
    columns = {
        "clip_id": [f"c{i}" for i in range(6)],
        "label": np.arange(6) % 3,
        "valid": np.arange(6) < 5,
    }
    for name, shape in shapes.items():
        values = random.normal(loc=3.0, scale=2.0, size=(6, int(np.prod(shape))))
        columns[name] = np.where(columns["valid"][:, None], values, 0.0).astype(np.float32)
    path = write_split(tmp_path / "train.parquet", columns, classes=THREE, shapes=shapes)
    return read_split(path, groups=("landmarks", "blendshapes"))


def test_statistics_are_those_of_the_valid_training_clips(split):
    statistics = fit_statistics(split)
    for name, shape in (("landmarks", (2, 478, 3)), ("blendshapes", (2, 52))):
        values = split.groups[name][:5].reshape(5, *shape).astype(np.float64)
        np.testing.assert_allclose(statistics.mean[name], values.mean(axis=0), rtol=1e-5)
        pooled = np.sqrt((values.std(axis=0) ** 2).mean(axis=0))
        np.testing.assert_allclose(statistics.std[name][0], pooled, rtol=1e-5)
        assert statistics.std[name][0].equal(statistics.std[name][1])


def test_features_come_out_of_a_split_as_they_went_in(split):
    arrays = face_arrays(split, 3)
    assert arrays["landmarks"].shape == (2, 478, 3)
    assert arrays["blendshapes"].shape == (2, 52)
    np.testing.assert_array_equal(arrays["landmarks"].ravel(), split.groups["landmarks"][3])


def test_statistics_need_a_usable_face(split):
    split.valid[:] = False
    with pytest.raises(ValueError, match=r"no clip of the training part has a usable face"):
        fit_statistics(split)
