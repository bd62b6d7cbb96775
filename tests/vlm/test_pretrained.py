"""Where pretrained weights come from, what is said if they are missing, and pinned commits."""

import json
import re
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from facewave.config.check import check_config
from facewave.pretrained import (
    PINS,
    WeightsError,
    check_weights,
    commit_of,
    fetch_weights,
    find_weights,
    pinned_revision,
    with_commit,
    with_pin,
)
from facewave.vlm.paligemma.build import build_model
from facewave.vlm.plan import (
    FAMILIES,
    annotation_params,
    model_params,
    untrained_params,
    vlm_section,
    zero_shot_params,
)
from tests.vlm.made_up_clips import clip, options
from tests.vlm.small_hub import COMMIT as SERVED
from tests.vlm.small_hub import small_hub

pytestmark = pytest.mark.usefixtures("one_thread")
MODEL, QWEN = "google/paligemma2-3b-mix-448", "Qwen/Qwen2.5-VL-3B-Instruct"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    """A Hugging Face cache of its own, and no token."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return tmp_path / "cache"


@contextmanager
def hub(status, code=""):
    """A hub on this machine that refuses everything, as the real one does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *args):
            del args

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (403, "GatedRepo", "accept the licence, then run `hf auth login` or set HF_TOKEN"),
        (404, "RepoNotFound", "no such model, or it is private: check vlm.model"),
        (404, "RevisionNotFound", "no such revision; set vlm.revision to a commit"),
    ],
)
def test_what_the_hub_refuses_is_told_with_what_to_do(status, code, message):
    with hub(status, code) as address, pytest.raises(WeightsError, match=message) as error:
        find_weights(MODEL, revision="v9", endpoint=address)
    assert str(error.value).startswith(f"{MODEL}, revision v9: ")


def test_without_network_it_is_told_how_to_download_by_hand():
    with hub(200) as address:
        pass  # nobody listens there any more
    with pytest.raises(WeightsError, match="hf download google/paligemma2-3b-mix-448") as error:
        find_weights(MODEL, endpoint=address)
    assert "the hub cannot be reached" in str(error.value)


def test_offline_keeps_to_the_cache(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE is set and the Hugging Face cache does"):
        find_weights(MODEL)
    with pytest.raises(WeightsError, match=r"vlm\.revision: main takes what the cache holds"):
        find_weights(MODEL, revision=COMMIT)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of the toy model, as transformers writes it, and the model itself."""
    folder = tmp_path_factory.mktemp("checkpoint")
    model = build_model(options(lora_rank=0, soft_prefix=0, use_face=False))
    model.base.save_pretrained(folder)
    model.processor.save_pretrained(folder)
    return folder, model


def test_a_folder_is_loaded(checkpoint):
    folder, model = checkpoint
    loaded = build_model(options(model=str(folder), lora_rank=0, soft_prefix=0, use_face=False))
    batch = loaded.collate([clip(0), clip(1)])
    with torch.no_grad():
        assert loaded(batch).logits.equal(model(batch).logits)
    assert loaded.commit is None
    text = loaded.base.config.text_config
    assert text._attn_implementation == "eager"
    assert loaded.base.config.vision_config._attn_implementation == "sdpa"


def test_a_loaded_model_is_of_the_wanted_precision(checkpoint):
    folder, _ = checkpoint
    loaded = build_model(options(model=str(folder), dtype="bfloat16"))
    frozen = {p.dtype for p in loaded.parameters() if not p.requires_grad}
    assert frozen == {torch.bfloat16}


def test_the_cache_is_used_offline_and_its_commit_known(checkpoint, empty_cache, monkeypatch):
    from huggingface_hub import constants

    folder, _ = checkpoint
    stored = empty_cache / "models--google--paligemma2-3b-mix-448"
    (stored / "refs").mkdir(parents=True)
    (stored / "refs" / "main").write_text(COMMIT)
    (stored / "snapshots").mkdir()
    (stored / "snapshots" / COMMIT).symlink_to(folder, target_is_directory=True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    found = find_weights(MODEL)
    assert commit_of(found) == COMMIT
    assert build_model(options(model=MODEL)).commit == COMMIT
    assert find_weights(MODEL, revision=COMMIT) == found


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_is_not_whole_is_refused(checkpoint, tmp_path, missing):
    folder, _ = checkpoint
    for path in folder.iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(WeightsError, match=f"{missing} missing in .*download the checkpoint"):
        find_weights(str(tmp_path))


def test_a_part_of_the_weights_that_is_missing_is_named(checkpoint, tmp_path):
    _, model = checkpoint
    model.base.save_pretrained(tmp_path, max_shard_size="100KB")
    model.processor.save_pretrained(tmp_path)
    assert find_weights(str(tmp_path)) == tmp_path
    part = sorted(tmp_path.glob("model-*.safetensors"))[1]
    part.unlink()
    with pytest.raises(WeightsError, match=part.name):
        find_weights(str(tmp_path))


@pytest.mark.parametrize("model", ["/none/such", "./none", "paligemma", "a/b/c"])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(WeightsError, match="there is no such folder; give the folder of a check"):
        find_weights(model)


def test_another_model_s_folder_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"preprocessor_config\.json missing"):
        find_weights(str(tmp_path))


# Fetched before any job needs them


PARTS = {f"model-0000{n}-of-00002.safetensors": b"part" * n for n in (1, 2)}
FILES = {
    **{f"{name}.json": b"{}" + b" " * len(name) for name in ("config", "tokenizer")},
    "preprocessor_config.json": b"{}",
    **PARTS,
    "model.safetensors.index.json": json.dumps({"weight_map": dict(enumerate(PARTS))}).encode(),
    **dict.fromkeys(("README.md", "original.bin", "other.safetensors", "onnx/a.json"), b"x"),
}


def test_only_the_files_that_are_read_are_fetched_and_only_once(empty_cache):
    with small_hub(QWEN, FILES) as (address, loaded):
        wanted = check_weights(QWEN, endpoint=address)
        assert wanted.missing == sum(len(FILES[name]) for name in wanted.files)
        assert not loaded
        fetched = fetch_weights(QWEN, endpoint=address)
        assert sorted(loaded) == sorted(
            set(FILES) - {"README.md", "original.bin", "other.safetensors", "onnx/a.json"}
        )
        assert fetched == {"model": QWEN, "revision": None, "commit": SERVED}
        loaded.clear()
        assert fetch_weights(QWEN, endpoint=address) == fetched
        assert check_weights(QWEN, endpoint=address).missing == 0
        assert not loaded
    # Nobody listens there any more, and a commit needs nobody.
    assert find_weights(QWEN, revision=SERVED, endpoint=address).is_relative_to(empty_cache)
    assert check_weights(QWEN, revision=SERVED, endpoint=address) is None


def test_a_licence_is_asked_for_before_anything_is_downloaded():
    with small_hub(MODEL, FILES, gated=True) as (address, loaded):
        with pytest.raises(WeightsError, match="accept the licence, then run `hf auth login`"):
            check_weights(MODEL, endpoint=address)
        assert not loaded


def test_a_full_disk_is_told_before_the_download(monkeypatch):
    usage = shutil.disk_usage("/")._replace(free=10)
    monkeypatch.setattr("facewave.pretrained.shutil.disk_usage", lambda path: usage)
    with small_hub(QWEN, FILES) as (address, _), pytest.raises(WeightsError, match="set HF_HOME"):
        check_weights(QWEN, endpoint=address)


def test_a_folder_is_accepted_without_a_hub(checkpoint, tmp_path):
    folder, _ = checkpoint
    assert check_weights(str(folder)) is None
    fetched = fetch_weights(str(folder))
    assert fetched == {"model": str(folder), "revision": None, "commit": None}
    (tmp_path / "fetched.json").write_text(json.dumps(fetched))
    options = {"model": str(folder), "revision": "v1"}
    assert with_commit(options, [str(tmp_path / "fetched.json")]) == options
    assert with_commit(options, []) == options
    (tmp_path / "fetched.json").write_text(json.dumps({**fetched, "commit": COMMIT}))
    assert with_commit(options, [str(tmp_path / "fetched.json")])["revision"] == COMMIT
    with pytest.raises(WeightsError, match="there is no such folder"):
        check_weights("/none/such")


# Pinned commits


def revisions(**vlm):
    """Return the revisions that the plans of a configuration take."""
    zero_shot = {"enabled": ["qwen"], "models": {"qwen": vlm}}
    config = check_config({"vlm": vlm | {"qwen": vlm}, "annotate": vlm, "zero_shot": zero_shot})
    sections = [vlm_section(config, family) for family in FAMILIES]
    return {
        model_params(sections[0], control="no_face", stage="fine_tuning")["model"]["revision"],
        model_params(sections[1], control="full", stage="adaptation")["model"]["revision"],
        untrained_params(sections[0], max_new_tokens=4)["model"]["revision"],
        zero_shot_params(config["zero_shot"], "qwen")["model"]["revision"],
        annotation_params(config["annotate"])["revision"],
    }


@pytest.mark.parametrize("commit", PINS.values())
def test_a_pin_is_a_whole_commit(commit):
    assert re.fullmatch("[0-9a-f]{40}", commit)


def test_every_model_of_the_default_configuration_has_a_pin():
    config = check_config({})
    named = [config[name]["model"] for name in ("vlm", "annotate", "transcripts", "text_fusion")]
    named += [model["model"] for model in config["zero_shot"]["models"].values()]
    assert set(named) == set(PINS)


@pytest.mark.parametrize("model", [MODEL, QWEN])
def test_every_plan_holds_the_pinned_commit(model):
    assert revisions(model=model) == {PINS[model]}


@pytest.mark.parametrize("given", ["main", "v1.0", "0" * 40])
def test_a_given_revision_wins(given):
    assert revisions(model=QWEN, revision=given) == {given}


@pytest.mark.parametrize("model", ["someone/qwen2.5-vl-tuned", "/models/qwen", "tiny-random"])
def test_another_model_has_no_pin(model):
    assert revisions(model=model) == {None}


def test_the_other_keys_of_a_section_stay():
    section = {"model": MODEL, "revision": None, "frames": 3}
    assert with_pin(section) == {**section, "revision": PINS[MODEL]}
    assert section["revision"] is None
    assert pinned_revision(MODEL, "main") == "main"
