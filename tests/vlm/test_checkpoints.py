"""A checkpoint is loaded whole and of the right model, or refused by name."""

import ast
import json
import shutil
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from facewave.pretrained import WeightsError
from facewave.vlm.checkpoints import PALIGEMMA, check_family, model_family
from facewave.vlm.paligemma.build import build_model
from facewave.vlm.qwen.model import load_qwen, tiny_qwen
from facewave.vlm.training.weights import save_state
from tests.vlm.made_up_clips import options

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = {"lora_rank": 0, "soft_prefix": 0, "use_face": False}
# The names in the published checkpoints, from those in this release of transformers.
PUBLISHED = {
    "paligemma": [
        ("model.language_model.", "language_model.model."),
        ("model.vision_tower.", "vision_tower."),
        ("model.multi_modal_projector.", "multi_modal_projector."),
    ],
    "qwen": [("model.language_model.", "model."), ("model.visual.", "visual.")],
}


def load(family, folder):
    if family == "paligemma":
        return build_model(options(model=str(folder), **PLAIN)).base
    return load_qwen(folder, dtype="float32", max_pixels=3136, identity={}).base


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folder of a checkpoint by family, as transformers writes it, and the state of its model."""
    folder = tmp_path_factory.mktemp("checkpoints")
    pali, qwen = build_model(options(**PLAIN)), tiny_qwen(("happy", "sad"), seed=0)
    for family, model in (("paligemma", pali), ("qwen", qwen)):
        model.base.save_pretrained(folder / family)
        saver = model.processor if family == "paligemma" else model.processor.tokenizer
        saver.save_pretrained(folder / family)
    return {
        name: (folder / name, one.base.state_dict())
        for name, one in (("paligemma", pali), ("qwen", qwen))
    }


def changed(folder, target, change):
    """Copy a checkpoint with `change` applied to the dict of its tensors."""
    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    change(tensors)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.mark.parametrize("family", ["paligemma", "qwen"])
def test_a_checkpoint_with_the_published_names_is_loaded_whole(checkpoints, family, tmp_path):
    folder, state = checkpoints[family]

    def publish(tensors):
        tensors.clear()
        for name, value in state.items():
            if name == "lm_head.weight":
                continue  # tied to the embeddings
            new = name
            for ours, theirs in PUBLISHED[family]:
                if name.startswith(ours):
                    new = theirs + name.removeprefix(ours)
                    break
            assert new != name
            tensors[new] = value.clone()

    loaded = load(family, changed(folder, tmp_path / "published", publish))
    for name, value in loaded.state_dict().items():
        assert value.equal(state[name]), name


@pytest.mark.parametrize("family", ["paligemma", "qwen"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, name: t.pop(name), r"\(missing: model\.{part}\)"),
        (
            lambda t, name: t.update({name.replace("q_proj", "query"): t.pop(name)}),
            r"\(missing: model\.{part}; not in this model: .*\.query\.weight\)",
        ),
        (
            lambda t, name: t.update({name: torch.zeros(3, 5)}),
            r"\(of another shape: model\.{part} \(3, 5\) instead of \(",
        ),
    ],
    ids=["left out", "renamed", "of another shape"],
)
def test_a_tensor_that_is_not_loaded_is_named(checkpoints, tmp_path, family, change, message):
    folder, _ = checkpoints[family]
    part = "language_model.layers.1.self_attn.q_proj.weight"

    def spoil(tensors):
        (name,) = (
            name
            for name in tensors
            if name.endswith("layers.1.self_attn.q_proj.weight") and "vision" not in name
        )
        change(tensors, name)

    broken = changed(folder, tmp_path / "broken", spoil)
    with pytest.raises(WeightsError, match=message.replace("{part}", part.replace(".", r"\."))):
        load(family, broken)


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"model_type": "paligemma", "text_config": {"model_type": "gemma"}}, "PaliGemma 1"),
        ({"model_type": "qwen2_vl"}, "model_type 'qwen2_vl'"),
        ({"model_type": "llava", "text_config": None}, "model_type 'llava'"),
        ({}, "model_type None"),
    ],
)
def test_other_models_are_refused_by_name(tmp_path, config, found):
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=f"says {found}.*set vlm.model to a checkpoint of Pali"):
        model_family(tmp_path)


def test_the_other_family_is_refused_by_name(checkpoints):
    with pytest.raises(WeightsError, match=r"holds Qwen2\.5-VL, expected PaliGemma 2; set vlm"):
        check_family(checkpoints["qwen"][0], PALIGEMMA)
    with pytest.raises(WeightsError, match=r"holds PaliGemma 2, expected Qwen2\.5-VL; set zero_s"):
        load("qwen", checkpoints["paligemma"][0])


def test_weights_can_be_read_by_whoever_may_read_other_files(tmp_path):
    (tmp_path / "usual").touch()
    save_state(tmp_path / "w.safetensors", {"a": torch.zeros(2)}, {})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_no_checkpoint_brings_code_along():
    files = (Path(__file__).parents[2] / "facewave").rglob("*.py")
    calls = [
        call
        for path in files
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "from_pretrained"
    ]
    assert len(calls) > 6
    for call in calls:
        said = {word.arg: word.value for word in call.keywords}["trust_remote_code"]
        assert isinstance(said, ast.Constant)
        assert said.value is False
