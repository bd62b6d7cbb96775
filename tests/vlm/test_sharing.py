"""A shared folder: PEFT loads the adapter, and all parts together are the trained model."""

import json
import math
import os
from dataclasses import asdict

import pytest
import torch
import yaml
from peft import PeftModel

from facewave.report.adapter_card import AdapterFacts, write_adapter_card
from facewave.vlm.faces.sharing import options_of, read_shared, write_shared
from facewave.vlm.fine_tuning.build import build
from facewave.vlm.training.weights import load_state, save_state
from tests.vlm.made_up_clips import CLASSES, TOYS, clip, options

pytestmark = pytest.mark.usefixtures("one_thread")
FAMILIES = ("paligemma", "qwen")


def umask():
    found = os.umask(0)
    os.umask(found)
    return found


def trained(family, path, **changes):
    """Return a model whose trained tensors are all moved, and write them as a training does."""
    model = build(options(family, **changes))
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.trainable_state().values():
            tensor += 0.05 * torch.randn(tensor.shape, generator=random)
    own = model.options
    given = asdict(own)
    seed, shapes, classes = (given.pop(name) for name in ("seed", "face_shapes", "classes"))
    metadata = {
        "options": {"model": given},
        "face_shapes": list(shapes.items()),
        "commit": "c" * 40,
        "seed": seed,
        "stage": "fine_tuning",
        "best_epoch": 2,
        "clips": 1234,
        "classes": list(classes),
    }
    save_state(path, model.trainable_state(), metadata)
    return model


def logits(base, batch):
    with torch.no_grad():
        return base(**batch).logits


def plain_batch(model):
    """Return prompts and images as transformers' own model takes them."""
    plain = build(options(model.options.family, use_face=False, soft_prefix=0, lora_rank=0))
    batch = dict(plain.collate([clip(0), clip(1)]))
    batch.pop("labels")
    if "pixel_values" in batch:
        batch["pixel_values"] = batch["pixel_values"].flatten(0, 1)
    return plain.base, batch


# Of PEFT and transformers between themselves.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("projector", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_peft_loads_what_was_trained(family, projector, tmp_path):
    model = trained(family, tmp_path / "w.safetensors", projector=projector)
    write_shared(tmp_path / "w.safetensors", tmp_path / "shared")
    base, batch = plain_batch(model)
    before = logits(base, batch)
    wanted = logits(model.base, batch)
    # What is missing or not in the model would be a warning, which is an error in tests.
    loaded = PeftModel.from_pretrained(base, tmp_path / "shared").eval()
    found = logits(loaded, batch)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert (found - before).abs().max() > 1e-2
    modes = {file.stat().st_mode & 0o777 for file in (tmp_path / "shared").iterdir()}
    assert modes == {0o666 & ~umask()}
    config = json.loads((tmp_path / "shared" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (4, 8, "LORA")
    assert (config["base_model_name_or_path"], config["revision"]) == (TOYS[family], "c" * 40)


@pytest.mark.parametrize("family", FAMILIES)
def test_adapter_and_face_modules_together_are_the_trained_model(family, tmp_path):
    path = tmp_path / "w.safetensors"
    model = trained(family, path, projector=True, head="linear")
    write_shared(path, tmp_path / "shared")
    state, metadata = read_shared(tmp_path / "shared")
    wanted, content = load_state(path)
    # Each file has a digest of its own.
    assert metadata.pop("sha256") != content.pop("sha256")
    assert metadata == content
    assert state.keys() == wanted.keys()
    assert all(state[name].equal(wanted[name]) for name in wanted)
    assert options_of(metadata) == model.options
    again = build(options_of(metadata))
    again.load_trainable_state(state)
    batch = model.collate([clip(0), clip(1)])
    with torch.no_grad():
        assert again(batch).logits.equal(model(batch).logits)


def test_what_cannot_be_shared_or_read_is_refused(tmp_path):
    path = tmp_path / "w.safetensors"
    trained("paligemma", path, lora_rank=0)
    with pytest.raises(ValueError, match="without LoRA adapters"):
        write_shared(path, tmp_path / "shared")
    with pytest.raises(FileNotFoundError):
        read_shared(tmp_path / "shared")
    trained("paligemma", path)
    write_shared(path, tmp_path / "shared")
    adapter = tmp_path / "shared" / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged"):
        read_shared(tmp_path / "shared")


def card(path, *, model="org/name", classes=CLASSES, **scores):
    given = {"model": model, "family": "qwen", "frames": 8, "lora_rank": 4, "lora_alpha": 8}
    metadata = {
        "options": {"model": {**given, "targets": ["valence"]}},
        **{"stage": "fine_tuning", "clips": 1234, "best_epoch": 2, "seed": 5},
        **{"commit": None, "classes": classes, "facewave": "0.1.0"},
    }
    facts = AdapterFacts(dataset="d_1", split="k_fold/fold-1", metadata=metadata, scores=scores)
    write_adapter_card(facts, path)
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_a_card_has_the_hub_s_metadata_and_the_scores(tmp_path):
    scores = {
        "overall": {"uar": 0.5, "war": 0.61},
        "bootstrap": {"uar": [0.4, 0.6], "war": [0.5, 0.7], "n": 12, "unit": "subjects"},
    }
    front, text = card(tmp_path / "README.md", **scores)
    assert (front["base_model"], front["library_name"]) == ("org/name", "peft")
    assert front["license_link"] == "https://huggingface.co/org/name"
    [metrics] = [result["metrics"] for result in front["model-index"][0]["results"]]
    assert {m["type"]: m["value"] for m in metrics} == {"recall": 0.5, "accuracy": 0.61}
    assert "| UAR | 50.0 | 40.0 to 60.0 |" in text
    assert "12 subjects" in text
    assert "1,234 clips, epoch 2" in text


def test_a_card_of_values_a_folder_and_odd_names(tmp_path):
    front, text = card(tmp_path / "README.md", model="/weights/q", classes=["a|b", "<i>"])
    assert "base_model" not in front
    assert "model-index" not in front
    assert r"a\|b, \<i\>" in text
    _, text = card(tmp_path / "README.md", classes=[])
    assert "It gives values: valence." in text


def test_the_hub_takes_the_card(tmp_path):
    from huggingface_hub import ModelCard

    scores = {
        "overall": {"uar": 0.5, "war": math.pi / 6},
        "bootstrap": {"uar": [0.4, 0.6], "war": [0.5, 0.7], "n": 12, "unit": "subjects"},
    }
    card(tmp_path / "README.md", **scores)
    data = ModelCard.load(tmp_path / "README.md").data
    assert data.base_model == "org/name"
    [uar, war] = data.eval_results
    assert (uar.metric_type, uar.metric_value) == ("recall", 0.5)
    assert war.metric_value == 0.5236
