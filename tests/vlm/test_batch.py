"""From clips to tensors: prompts, tokens and images."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facewave.prompts.questions import render, shorten
from facewave.vlm.faces.batch import collate as collate_all
from facewave.vlm.paligemma.backbone import PaliGemma
from facewave.vlm.paligemma.batch import prepare_images, prompt_ids, resolution
from facewave.vlm.paligemma.build import load_processor
from facewave.vlm.paligemma.toy import tiny_processor
from tests.vlm.made_up_clips import CLASSES, clip, options

# Batches are made without the model.
NO_MODEL = SimpleNamespace(
    config=SimpleNamespace(text_config=SimpleNamespace(final_logit_softcapping=None))
)


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(CLASSES)


def collate(clips, processor, options):
    return collate_all(clips, PaliGemma(NO_MODEL, processor), options)


def test_texts_are_shortened_by_tokens(processor):
    text = "she turns to the window and laughs"
    short = shorten(text, processor.tokenizer, tokens=5)
    assert text.startswith(short)
    assert 0 < len(short) < len(text)
    assert shorten(text, processor.tokenizer, tokens=1000) == text


@pytest.mark.parametrize("images", [1, 2])
def test_tokens_and_images_are_those_of_the_library_s_processor(processor, images):
    question = render("question", classes=CLASSES)
    frames = list(clip(0, count=images).images)
    wanted = processor(
        images=[frames],
        text=["<image>" * images + question],
        input_data_format="channels_last",
    )
    assert prompt_ids(processor, question, images=images) == wanted["input_ids"][0]
    pixels, found = np.stack(wanted["pixel_values"]), prepare_images(processor, frames).numpy()
    # Pillow rounds otherwise than torchvision: by two grey levels at most, of 255 from -1 to 1.
    assert np.abs(found - pixels).max() <= 2.01 / 127.5
    side = resolution(processor)
    squares = np.random.default_rng(0).integers(0, 256, (images, side, side, 3), dtype=np.uint8)
    made = processor.image_processor(images=list(squares), input_data_format="channels_last")
    np.testing.assert_array_equal(
        prepare_images(processor, squares), np.stack(made["pixel_values"])
    )
    assert not any(wanted["token_type_ids"][0])


def test_a_clip_s_text_cannot_add_an_image(processor):
    ids = prompt_ids(processor, "a <image> of <loc0001> <bos>", images=1)
    assert ids.count(processor.image_token_id) == processor.image_seq_length
    assert ids.count(processor.tokenizer.bos_token_id) == 1
    assert processor.tokenizer.decode(ids[17:]) == "a <image> of <loc0001> <bos>\n"


@pytest.mark.parametrize("kind", ["SiglipImageProcessorPil", "SiglipImageProcessor"])
def test_a_checkpoint_s_processor_is_read_without_torchvision(processor, tmp_path, kind):
    """Released checkpoints name the class without `Pil`, in a file of its own."""
    processor.save_pretrained(tmp_path)
    whole = json.loads((tmp_path / "processor_config.json").read_text())
    images = whole.pop("image_processor")
    images["image_processor_type"] = kind
    images["processor_class"] = "PaliGemmaProcessor"
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(images))
    (tmp_path / "processor_config.json").unlink()
    again = load_processor(tmp_path)
    frames = list(clip(0).images)
    assert prompt_ids(again, "who?", images=1) == prompt_ids(processor, "who?", images=1)
    found, wanted = (prepare_images(each, frames) for each in (again, processor))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
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
    face = collate([clip(0, images=None)], processor, options(use_image=False))
    assert "pixel_values" not in face
    assert processor.image_token_id not in face["input_ids"]
    image = collate([clip(0)], processor, options(use_face=False))
    assert "landmarks" not in image
    with pytest.raises(ValueError, match="sees nothing of the clip"):
        options(use_face=False, use_image=False)


def test_clips_without_images_are_named(processor):
    with pytest.raises(ValueError, match="clip 'clip1' has no images"):
        collate([clip(0), clip(1, images=None)], processor, options())
    with pytest.raises(ValueError, match="clip 'clip1' has 2 images, the model takes 1"):
        collate([clip(0), clip(1, count=2)], processor, options())
    assert "labels" not in collate([clip(0), clip(1, label=None)], processor, options())
