"""The full-size model without weights, on the meta device: exact counts, memory, time."""

import pytest
import torch

from facewave.vlm.faces.memory_estimate import estimate_training, layer_bytes, qwen_layer_bytes
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.lora import is_adapter
from facewave.vlm.paligemma.build import full_config, random_model
from facewave.vlm.paligemma.toy import tiny_processor
from facewave.vlm.qwen import build as qwen
from facewave.vlm.qwen.toy import tiny_qwen_config, tiny_qwen_processor
from tests.vlm.made_up_clips import CLASSES

# The feature groups of the default configuration.
FACE = {
    "landmarks": (10, 478, 3),
    "landmark_energy": (5, 478, 3),
    "blendshapes": (10, 52),
    "blendshape_energy": (5, 52),
    "pose": (10, 6),
    "pose_energy": (5, 6),
}
# PaliGemma 2 3B at 448 pixels, and Qwen2.5-VL 3B.
BASE = 3_033_127_152
QWEN = 3_754_622_976
TOWER, LANGUAGE, PROJECTOR = 413_327_088, 2_617_143_552, 2_656_512


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(CLASSES)


def full_size(processor, **changes):
    options = ModelOptions(**{"model": "full", "classes": CLASSES, "face_shapes": FACE, **changes})
    with torch.device("meta"):
        return random_model(full_config(), processor, options)


def count(parameters):
    return sum(parameter.numel() for parameter in parameters)


def trained(model):
    return count(p for p in model.parameters() if p.requires_grad)


@pytest.fixture(scope="module")
def model(processor):
    return full_size(processor)


def test_the_pretrained_model_has_its_published_size(model):
    parts = model.base.model
    adapters = count(p for n, p in model.base.named_parameters() if is_adapter(n))
    assert count(model.base.parameters()) - adapters == BASE
    assert count(parts.vision_tower.parameters()) == TOWER
    assert count(parts.multi_modal_projector.parameters()) == PROJECTOR
    assert count(parts.language_model.parameters()) - adapters == LANGUAGE


def test_what_is_trained_at_width_2048(model):
    """About 118 million in the face modules."""
    adapters = [p for n, p in model.base.named_parameters() if is_adapter(n)]
    assert count(adapters) == 3_194_880  # 26 layers, rank 16
    assert count(model.face.parameters()) == 117_376_001
    assert model.soft_prefix.shape == (20, 2304)
    assert trained(model) == 117_376_001 + 3_194_880 + 20 * 2304 == 120_616_961


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [({"width": 1024}, 38_864_897), ({"lora_rank": 8}, 120_616_961 - 1_597_440)],
)
def test_what_is_trained_otherwise(processor, changes, wanted):
    assert trained(full_size(processor, **changes)) == wanted


def test_an_estimate_adds_up(model):
    estimate = estimate_training(model, batch_size=2, prompt_tokens=64, device="NVIDIA H200")
    assert estimate.frozen == BASE
    assert estimate.trained == 120_616_961
    assert estimate.weights == 2 * BASE + 4 * 120_616_961
    assert estimate.optimiser == 2 * estimate.gradients == 8 * 120_616_961
    twice = estimate_training(model, batch_size=4, prompt_tokens=64)
    assert twice.activations == 2 * estimate.activations
    assert twice.seconds is None
    parts = estimate.weights + estimate.gradients + estimate.optimiser + estimate.activations
    assert estimate.total == parts
    first, memory, time = estimate.lines(clips=9356)
    assert "120,616,961 of 3,153,744,113 parameters are trained (3.8 %)" in first
    assert memory.startswith("memory, GiB: ")
    assert "s per clip on NVIDIA H200, 0:0" in time
    assert time.endswith("for 9,356 clips (estimated, not measured)")


def test_the_reference_time_is_for_a_frame_of_448_pixels(model):
    class At448:
        image_seq_length = 1024

    model.backbone.processor, tiny = At448, model.backbone.processor
    estimate = estimate_training(model, batch_size=1, prompt_tokens=64, device="NVIDIA H200")
    model.backbone.processor = tiny
    assert estimate.tokens == 20 + 15 + 1024 + 64
    longer = estimate.tokens / 1118
    assert estimate.seconds == pytest.approx((longer * 300 / 9356, longer * 420 / 9356))
    assert "0:10:03 to 0:14:04 for 18,712 clips" in estimate.lines(clips=18712)[2]


@pytest.mark.parametrize(("dtype", "width"), [("bfloat16", 2), ("float32", 4)])
def test_activations_are_what_training_keeps(processor, dtype, width):
    """Two layers of full size: the tensors that autograd saves, but for the weights."""
    tokens, config = 1118, full_config()
    config.vision_config.num_hidden_layers = 1
    text = config.text_config
    text.num_hidden_layers, text.layer_types = 2, text.layer_types[:2]
    options = ModelOptions(model="full", classes=CLASSES, dtype=dtype, width=64, face_shapes=FACE)
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.device("meta"):
        model = random_model(config, processor, options).train()
        kind = getattr(torch, dtype)
        embeds = torch.empty(1, tokens, text.hidden_size, dtype=kind, requires_grad=True)
        mask = torch.zeros(1, 1, tokens, tokens, dtype=kind)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model.base.model.language_model(
            inputs_embeds=embeds,
            attention_mask={"full_attention": mask, "sliding_attention": mask},
            use_cache=False,
        )
    assert output.last_hidden_state.requires_grad
    for parameter in model.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    layer = layer_bytes(text, tokens=tokens, width=width, lora=True)
    assert 2 * layer + 4 * tokens * text.hidden_size == pytest.approx(sum(kept.values()), rel=0.01)


def test_checkpointing_keeps_less(processor, model):
    sizes = {"batch_size": 4, "prompt_tokens": 1000}
    small = full_size(processor, gradient_checkpointing=True)
    assert (
        estimate_training(small, **sizes).activations
        < estimate_training(model, **sizes).activations / 8
    )


# Qwen2.5-VL


@pytest.fixture(scope="module")
def tokens_of_qwen():
    return tiny_qwen_processor(CLASSES, max_pixels=448 * 448)


def test_qwen_has_its_published_size_and_the_same_face(tokens_of_qwen):
    options = ModelOptions(
        model="full", family="qwen", classes=CLASSES, face_shapes=FACE, frames=8, projector=True
    )
    with torch.device("meta"):
        model = qwen.random_model(qwen.full_config(tokens_of_qwen), tokens_of_qwen, options)
    adapters = count(p for n, p in model.base.named_parameters() if is_adapter(n))
    assert adapters == 3_686_400  # 36 layers, rank 16
    assert count(model.base.parameters()) - adapters == QWEN
    assert count(model.face.parameters()) == 119_474_177
    assert count(model.backbone.projector.parameters()) == 36_708_608
    estimate = estimate_training(model, batch_size=2, prompt_tokens=64, device="NVIDIA H200")
    assert estimate.trained == 119_474_177 + 3_686_400 + 36_708_608 + 20 * 2048
    assert estimate.tokens == 20 + 15 + 4 * 16 * 16 + 64
    assert estimate.seconds is None


@pytest.mark.parametrize(("dtype", "width"), [("bfloat16", 2), ("float32", 4)])
def test_activations_of_qwen_are_what_training_keeps(tokens_of_qwen, dtype, width):
    """Two small layers, in which the adapters' own few numbers are 2 % of it."""
    tokens, config = 256, tiny_qwen_config(tokens_of_qwen)
    text = config.text_config
    text.hidden_size, text.intermediate_size, text.num_attention_heads = 256, 1376, 4
    text.rope_parameters["mrope_section"] = [8, 12, 12]
    config.vision_config.out_hidden_size = 256
    options = ModelOptions(
        model="small", family="qwen", classes=CLASSES, dtype=dtype, width=64, face_shapes=FACE
    )
    model, kept = qwen.random_model(config, tokens_of_qwen, options).train(), {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    embeds = torch.randn(1, tokens, 256, dtype=getattr(torch, dtype), requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.base.model.language_model(
            inputs_embeds=embeds,
            attention_mask=torch.ones(1, tokens, dtype=torch.int64),
            position_ids=torch.arange(tokens).expand(3, 1, -1),
            use_cache=False,
        )
    for parameter in model.parameters():
        kept.pop(parameter.untyped_storage()._cdata, None)
    layer = qwen_layer_bytes(text, tokens=tokens, width=width, lora=True)
    assert 2 * layer + 4 * tokens * 256 == pytest.approx(sum(kept.values()), rel=0.03)
