"""What was trained, saved and loaded again."""

import pytest
import torch

from facewave.vlm.paligemma.build import build_model
from facewave.vlm.training.weights import load_state, save_state
from tests.vlm.made_up_clips import clip, options

pytestmark = pytest.mark.usefixtures("one_thread")


def trained(**changes):
    model = build_model(options(**changes))
    with torch.no_grad():
        for tensor in model.trainable_state().values():
            tensor += 0.1 * torch.randn_like(tensor).abs()
    return model


@pytest.mark.parametrize(
    "changes",
    [{}, {"head": "linear", "projector": True}, {"head": "regression", "targets": ("valence",)}],
)
def test_saved_and_loaded_models_answer_alike(tmp_path, changes):
    model, path = trained(**changes), tmp_path / "weights.safetensors"
    save_state(path, model.trainable_state(), {"seed": 7})
    state, metadata = load_state(path)
    assert metadata["seed"] == 7
    again = build_model(options(**changes))
    batch = model.collate([clip(0), clip(1)])
    with torch.no_grad():
        wanted = model(batch).logits
        assert not again(batch).logits.equal(wanted)
        again.load_trainable_state(state)
        assert again(batch).logits.equal(wanted)


def test_everything_that_is_trained_is_saved():
    model = trained(head="linear", projector=True)
    saved = {tensor.data_ptr() for tensor in model.trainable_state().values()}
    assert all(p.data_ptr() in saved for p in model.parameters() if p.requires_grad)
    assert {name.split(".")[0] for name in model.trainable_state()} == {
        "face",
        "head",
        "lora",
        "projector",
        "soft_prefix",
    }


def test_the_statistics_are_saved():
    names = build_model(options()).trainable_state()
    assert {"face.encoder.landmarks_mean", "face.encoder.pose_energy_std"} <= names.keys()


def test_nothing_pretrained_is_saved():
    names = build_model(options()).trainable_state()
    assert not any("embed_tokens" in name or "vision_tower" in name for name in names)


def test_equal_states_equal_bytes(tmp_path):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    state = trained().trainable_state()
    for path, order in zip(paths, (list(state), list(state)[::-1]), strict=True):
        save_state(path, {name: state[name] for name in order}, {"b": 1, "a": 2})
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_state_of_another_model_is_refused_whole():
    model = build_model(options())
    before = {name: tensor.clone() for name, tensor in model.trainable_state().items()}
    state = trained(lora_rank=2, use_face=False).trainable_state()
    with pytest.raises(ValueError, match=r"missing: face\..* and \d+ more; of another shape: lora"):
        model.load_trainable_state(state)
    with pytest.raises(ValueError, match=r"not in this model: face\.after_image"):
        build_model(options(use_image=False)).load_trainable_state(before)
    after = model.trainable_state()
    assert all(after[name].equal(before[name]) for name in before)


def test_other_files_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "weights.safetensors"
    with pytest.raises(FileNotFoundError, match="no trained model here; run the training first"):
        load_state(path)
    path.write_bytes(b"no safetensors")
    with pytest.raises(ValueError, match="damaged"):
        load_state(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="not a trained vision-language model of facewave"):
        load_state(path)
    save_state(path, {"a": torch.zeros(1)}, {"version": 99})
    with pytest.raises(ValueError, match=r"version 99 .*train again"):
        load_state(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_state(path, {"a": torch.zeros(1000)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"damaged.*train again"):
        load_state(path)
