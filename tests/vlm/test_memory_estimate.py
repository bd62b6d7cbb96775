"""The full-size model without weights, on the meta device: exact counts, memory, time."""

import pytest
import torch

from facewave.vlm.faces.memory_estimate import estimate_training, layer_bytes
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.lora import is_adapter
from facewave.vlm.paligemma.build import full_config, random_model
from facewave.vlm.paligemma.toy import tiny_processor
from tests.vlm.made_up_clips import CLASSES

# PaliGemma 2 3B at 448 pixels.
BASE = 3_033_127_152
TOWER, LANGUAGE, PROJECTOR = 413_327_088, 2_617_143_552, 2_656_512


@pytest.fixture(scope="module")
def processor():
    return tiny_processor(CLASSES)


def full_size(processor, **changes):
    options = ModelOptions(**{"model": "full", "classes": CLASSES, **changes})
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
    """About 118 million: the plan's figure."""
    adapters = [p for n, p in model.base.named_parameters() if is_adapter(n)]
    assert count(adapters) == 3_194_880  # 26 layers, rank 16
    assert count(model.face.parameters()) == 114_289_665
    assert model.soft_prefix.shape == (20, 2304)
    assert trained(model) == 114_289_665 + 3_194_880 + 20 * 2304 == 117_530_625


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [({"width": 1024}, 37_321_729), ({"lora_rank": 8}, 117_530_625 - 1_597_440)],
)
def test_what_is_trained_otherwise(processor, changes, wanted):
    assert trained(full_size(processor, **changes)) == wanted


def test_an_estimate_adds_up(model):
    estimate = estimate_training(model, batch_size=2, prompt_tokens=64, device="NVIDIA H200")
    assert estimate.frozen == BASE
    assert estimate.trained == 117_530_625
    assert estimate.weights == 2 * BASE + 4 * 117_530_625
    assert estimate.optimiser == 2 * estimate.gradients == 8 * 117_530_625
    twice = estimate_training(model, batch_size=4, prompt_tokens=64)
    assert twice.activations == 2 * estimate.activations
    assert twice.seconds is None
    parts = estimate.weights + estimate.gradients + estimate.optimiser + estimate.activations
    assert estimate.total == parts
    first, memory, time = estimate.lines(clips=9356)
    assert "117,530,625 of 3,150,657,777 parameters are trained (3.7 %)" in first
    assert memory.startswith("memory, GiB: ")
    assert "s per clip on NVIDIA H200, 0:0" in time
    assert time.endswith("for 9,356 clips (estimated, not measured)")


def test_the_reference_time_is_for_a_frame_of_448_pixels(model):
    class At448:
        image_seq_length = 1024

    model.processor, tiny = At448, model.processor
    estimate = estimate_training(model, batch_size=1, prompt_tokens=64, device="NVIDIA H200")
    model.processor = tiny
    assert estimate.tokens == 20 + 10 + 1024 + 64
    assert estimate.seconds == pytest.approx((5 * 60 / 9356, 7 * 60 / 9356))
    assert "0:10:00 to 0:14:00 for 18,712 clips" in estimate.lines(clips=18712)[2]


@pytest.mark.parametrize(("dtype", "width"), [("bfloat16", 2), ("float32", 4)])
def test_activations_are_what_training_keeps(processor, dtype, width):
    """Two layers of full size: the tensors that autograd saves, but for the weights."""
    tokens, config = 1118, full_config()
    config.vision_config.num_hidden_layers = 1
    text = config.text_config
    text.num_hidden_layers, text.layer_types = 2, text.layer_types[:2]
    options = ModelOptions(model="full", classes=CLASSES, dtype=dtype, width=64)
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
