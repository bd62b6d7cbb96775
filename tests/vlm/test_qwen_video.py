"""Frames to patches: against transformers' classes, and by hand."""

import numpy as np
import pytest
import torch

from facewave.vlm.inputs.clip_reader import ClipFrames
from facewave.vlm.qwen.processor import QwenProcessor
from facewave.vlm.qwen.toy import tiny_qwen_processor
from facewave.vlm.qwen.video import (
    VideoOptions,
    own_patches,
    seconds_of_grid,
    smart_size,
    transformers_processor,
    video_patches,
)
from tests.vlm.made_up_videos import few_shot, video

SIZES = [(5, 120, 170, 50176), (2, 30, 40, 50176), (8, 240, 320, 50176), (1, 28, 500, 50176)]
SIZES += [(3, 301, 77, 3136)]


def real_video_processor(options):
    """transformers' own, which needs torchvision."""
    real = transformers_processor(options)
    if real is None:
        pytest.skip("no torchvision, or one that does not fit torch")
    return real


@pytest.mark.parametrize(("frames", "height", "width", "most"), SIZES)
def test_patches_are_those_of_the_real_processor(frames, height, width, most):
    options = VideoOptions(max_pixels=most)
    shown = video(frames, height=height, width=width)
    real = real_video_processor(options)(
        [shown.images], video_metadata=[shown.metadata], return_tensors="pt"
    )
    patches, grid = own_patches(shown, options)
    assert real["video_grid_thw"].tolist() == [list(grid)]
    assert video_patches(shown, options)[0].equal(real["pixel_values_videos"])
    torch.testing.assert_close(patches, real["pixel_values_videos"], rtol=0, atol=2e-7)


def test_whole_prompts_are_those_of_the_real_processor():
    ours = tiny_qwen_processor(("happy", "sad"), max_pixels=12544)
    real_videos = real_video_processor(ours.video)
    from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessor

    real = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        tokenizer=ours.tokenizer,
        video_processor=real_videos,
        chat_template=ours.tokenizer.chat_template,
    )
    videos = [turn.video for turn in few_shot()]
    wanted = real(
        text=[ours.prompt(few_shot())],
        videos=[shown.images for shown in videos],
        video_metadata=[shown.metadata for shown in videos],
        do_sample_frames=False,
        return_tensors="pt",
    )
    batch = ours([few_shot()])
    for name in ("input_ids", "attention_mask", "mm_token_type_ids", "video_grid_thw"):
        assert batch[name].tolist() == wanted[name].tolist()
    torch.testing.assert_close(
        batch["second_per_grid_ts"], torch.as_tensor(wanted["second_per_grid_ts"])
    )
    torch.testing.assert_close(
        batch["pixel_values_videos"], wanted["pixel_values_videos"], rtol=0, atol=2e-7
    )


def test_patches_of_one_frame_are_those_of_the_image_processor():
    """The Pillow variant needs no torchvision; at the final size, nothing is resized."""
    from transformers import Qwen2VLImageProcessorPil

    shown = video(1, height=56, width=112)
    wanted = Qwen2VLImageProcessorPil()(images=[shown.images[0]], return_tensors="pt")
    patches, grid = video_patches(shown, VideoOptions())
    assert [list(grid)] == wanted["image_grid_thw"].tolist()
    torch.testing.assert_close(patches, wanted["pixel_values"], rtol=0, atol=1e-6)


def test_resizing_is_that_of_pillow_but_for_rounding():
    from PIL import Image

    shown = video(1, height=150, width=230)
    options = VideoOptions(max_pixels=12544)
    height, width = smart_size(150, 230, options)
    small = Image.fromarray(shown.images[0]).resize((width, height), Image.Resampling.BICUBIC)
    resized = ClipFrames(images=np.asarray(small)[None], indices=[0], total=1, fps=25.0)
    patches, _ = video_patches(shown, options)
    wanted, _ = video_patches(resized, options)
    grey_level = 1 / 255 / min(options.std)
    assert (patches - wanted).abs().max() < 1.01 * grey_level


def test_order_of_patches_by_hand():
    """Two frames of one token: 2 x 2 patches, row by row; in a patch colour, frame, row, column."""
    frames = np.zeros((2, 28, 28, 3), np.uint8)
    frames[0, :14, 14:, 0] = 255  # first frame, upper right patch, red
    options = VideoOptions(min_pixels=784, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    shown = ClipFrames(images=frames, indices=[0, 1], total=2, fps=25.0)
    patches, grid = video_patches(shown, options)
    assert grid == (1, 2, 2)
    cells = patches.view(4, 3, 2, 14, 14)
    assert cells[1, 0, 0].eq(1).all()
    assert cells.sum() == 14 * 14


def test_a_lonely_last_frame_is_shown_twice():
    patches, grid = video_patches(video(3, height=28, width=28), VideoOptions(min_pixels=784))
    assert grid == (2, 2, 2)
    cells = patches.view(2, 4, 3, 2, 14 * 14)
    torch.testing.assert_close(cells[1, :, :, 0], cells[1, :, :, 1])


@pytest.mark.parametrize(
    ("size", "limits", "wanted"),
    [
        ((56, 84), (3136, 50176), (56, 84)),
        ((60, 80), (3136, 50176), (56, 84)),
        ((10, 10), (3136, 50176), (56, 56)),
        ((1080, 1920), (3136, 50176), (168, 280)),
        ((28, 5000), (3136, 50176), (28, 2968)),
    ],
)
def test_sizes_by_hand(size, limits, wanted):
    assert smart_size(*size, VideoOptions(min_pixels=limits[0], max_pixels=limits[1])) == wanted


def test_a_sliver_and_senseless_limits_are_refused():
    with pytest.raises(ValueError, match="too narrow"):
        smart_size(1, 201, VideoOptions())
    with pytest.raises(ValueError, match="max_pixels must be at least"):
        VideoOptions(min_pixels=5000, max_pixels=4000)


def test_seconds_between_steps_of_the_grid():
    # 4 of 12 frames at 25 a second: 8.33 shown a second, two of them in a place.
    assert seconds_of_grid(video(4, step=3, fps=25.0), VideoOptions()) == pytest.approx(0.24)


def test_a_checkpoint_says_how_its_patches_are(tmp_path):
    from facewave.vlm.qwen.processor import load_qwen_processor

    tiny = tiny_qwen_processor(("happy", "sad"), max_pixels=12544)
    tiny.tokenizer.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5, 0.5, 0.5]}')
    loaded = load_qwen_processor(tmp_path, max_pixels=6272)
    assert isinstance(loaded, QwenProcessor)
    assert loaded.video == VideoOptions(max_pixels=6272, mean=(0.5, 0.5, 0.5))
    assert loaded.prompt(few_shot()) == tiny.prompt(few_shot())
