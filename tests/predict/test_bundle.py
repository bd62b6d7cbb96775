"""The folder in which a model is shared: round trip, refusals, what it does not tell."""

import json
from dataclasses import replace

import numpy as np
import pytest
import yaml

from facewave.mlp.model import predict, save_checkpoint
from facewave.predict.bundle import read_member, save_bundle
from facewave.predict.description import ModelError
from facewave.predict.load import open_model
from facewave.splits.baseline import BaselineOptions
from tests.mlp.quick_training import FUSED, fused
from tests.predict.made_up_bucket import part, train

QUICK = fused(replace(FUSED, max_epochs=3), ensemble=2)
RULE = BaselineOptions(subject_baseline="mean", enrolment=4).rule


@pytest.fixture(scope="module")
def fold_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("folds")


@pytest.fixture(scope="module")
def folds(fold_folder):
    """Two trained folds, each with its test part."""
    members = []
    for seed in (1, 2):
        folder = fold_folder / f"fold-{seed}"
        model = train(folder, seed=seed, rule=RULE, options=QUICK)
        save_checkpoint(folder / "checkpoint.pt", model)
        part(folder, "test", 24, seed=seed + 90, rule=RULE, subjects=f"anna-of-{seed}-", invalid=1)
        members.append(
            read_member(
                folder / "checkpoint.pt",
                learned=[folder / "train.parquet", folder / "val.parquet"],
                test=folder / "test.parquet",
            )
        )
    return members


@pytest.fixture
def bundle(tmp_path, folds):
    save_bundle(tmp_path / "model", folds, name="small", trained_on={"dataset": "toy"})
    return tmp_path / "model"


def test_round_trip(bundle, folds, tmp_path):
    model = open_model(bundle)
    table, _ = part(tmp_path, "other", 20, seed=33, rule=RULE)
    for (member, held_out), again, found in zip(folds, model.members, model.held_out, strict=True):
        np.testing.assert_array_equal(predict(again, table), predict(member, table))
        np.testing.assert_array_equal(found.scores, held_out.scores)
        np.testing.assert_array_equal(found.people, held_out.people)
    assert (model.name, model.baseline, model.trained_on) == ("small", RULE, {"dataset": "toy"})
    assert (model.conformal.people, model.conformal.unit, model.new_people) == (8, "subjects", True)
    mean = np.mean([predict(member, table) for member, _ in folds], axis=0, dtype=np.float64)
    np.testing.assert_allclose(model.answer(table).probabilities, mean, atol=1e-7)
    # Equal models give equal bytes.
    again = tmp_path / "again"
    save_bundle(again, folds, name="small", trained_on={"dataset": "toy"})
    for path in bundle.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_it_names_nobody(bundle):
    for path in bundle.iterdir():
        assert b"anna" not in path.read_bytes()
    assert sorted(path.name for path in bundle.iterdir()) == [
        "model.json", "options.yaml", "weights.safetensors"
    ]  # fmt: skip


def test_its_settings_are_a_configuration(bundle):
    settings = yaml.safe_load((bundle / "options.yaml").read_text())
    assert settings["landmarker"] == {"max_faces": 4, "sha256": "ab" * 32}
    assert settings["features"] == {
        "subject_baseline": "mean", "enrolment": 4, "baseline_person": "auto"
    }  # fmt: skip


def test_a_checkpoint_is_a_model_of_one_member(tmp_path, folds, fold_folder):
    model = open_model(fold_folder / "fold-1/checkpoint.pt")
    assert (len(model.members), model.held_out_part) == (1, "validation")
    assert len(model.held_out[0].scores) == 30
    with pytest.raises(FileNotFoundError):
        open_model(tmp_path / "none.pt")


class TestRefused:
    def test_other_formats(self, bundle, tmp_path):
        with pytest.raises(ModelError, match=r"no model\.json in it"):
            open_model(tmp_path)
        path = bundle / "model.json"
        text = path.read_text()
        path.write_text('{"format": "something"}')
        with pytest.raises(ModelError, match="not a model of facewave"):
            open_model(bundle)
        path.write_text("{")
        with pytest.raises(ModelError, match="not readable"):
            open_model(bundle)
        content = json.loads(text)
        for version in (0, 2, None):
            path.write_text(json.dumps({**content, "format_version": version}))
            with pytest.raises(ModelError, match=f"format version {version}.* reads 1"):
                open_model(bundle)
        del content["classes"]
        path.write_text(json.dumps(content))
        with pytest.raises(ModelError, match="lacks classes"):
            open_model(bundle)

    def test_other_weights(self, bundle):
        path = bundle / "weights.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
        with pytest.raises(ModelError, match="its SHA-256 is"):
            open_model(bundle)
        path.unlink()
        with pytest.raises(ModelError, match="copy the whole folder"):
            open_model(bundle)

    def test_a_member_that_lacks_a_tensor(self, bundle):
        path = bundle / "model.json"
        content = json.loads(path.read_text())
        content["members"].append(content["members"][0])
        path.write_text(json.dumps(content))
        with pytest.raises(ModelError, match="not a whole model"):
            open_model(bundle)

    def test_folds_of_different_features(self, tmp_path, folds):
        other = train(tmp_path / "other", rule=None)
        with pytest.raises(ModelError, match="different features or classes"):
            save_bundle(tmp_path / "m", [*folds, (other, other.held_out)], name="x", trained_on={})
