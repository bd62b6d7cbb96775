"""A vision-language model answers for windows as its training job did for the test part."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from facewave.evaluation.predictions import read_predictions
from facewave.features.encode_bucket import FEATURE_COLUMNS
from facewave.predict.bucket import predict_bucket
from facewave.predict.description import ModelError
from facewave.predict.load import open_model
from facewave.predict.python import load_model
from facewave.predict.vlm_description import read_vlm_description, vlm_file
from facewave.predict.windows import ClipFiles, PredictionJob, read_windows
from facewave.splits.read import read_split
from facewave.storage.atomic import write_text
from facewave.storage.store import content_key, shard_path, write_shard
from facewave.storage.tables import format_rows
from facewave.vlm.faces.sharing import write_shared
from facewave.vlm.fine_tuning.launch import launch
from facewave.vlm.training.weights import load_state, save_state
from tests.predict.made_up_bucket import channels
from tests.vlm.test_fit import SHAPES, TRACKS, files, job  # noqa: F401

FEATURES = {"features": {"align": "transform"}}


def write_features(folder: Path) -> Path:
    """Write the features of the test part as shards and their index."""
    table, rows = read_split(folder / "test.parquet", groups=tuple(SHAPES)), []
    for row, (clip_id, valid) in enumerate(zip(table.clip_ids, table.valid, strict=True)):
        key = content_key(clip=clip_id)
        arrays = {name: table.groups[name][row].reshape(shape) for name, shape in SHAPES.items()}
        write_shard(shard_path(folder / "store", "features", key), arrays, {})
        reason = "" if valid else "nobody there"
        known = {"clip_id": clip_id, "key": key, "valid": bool(valid), "reason": reason}
        rows.append({**dict.fromkeys(FEATURE_COLUMNS, ""), **known, "channels": channels()})
    write_text(folder / "features.tsv", format_rows(FEATURE_COLUMNS, rows))
    return folder / "features.tsv"


def ask(files, folder, **changes):  # noqa: F811
    tracks, store = files / "tracks.tsv", files / "store"
    clips = ClipFiles(
        manifest=files / "manifest.parquet", tracks=tracks, store=store, default_fps=25.0
    )
    options = {"features": FEATURES, "tracks": TRACKS, "error_rate": 0.4, **changes}
    given = PredictionJob(model=open_model(folder, clips=clips), store=store, **options)
    windows = read_windows(tracks, write_features(files))
    return predict_bucket(windows, given, enrolment=windows, scratch=folder)


@pytest.fixture(scope="module", params=["paligemma", "qwen"])
def trained(request, files, tmp_path_factory):  # noqa: F811
    frames = {"image": "both"} if request.param == "qwen" else {}
    done = job(files, tmp_path_factory.mktemp(request.param), family=request.param, **frames)
    launch(done, gpus=0)
    return done


def test_windows_are_answered_as_the_test_part_was(files, trained, tmp_path):  # noqa: F811
    weights = Path(trained.outputs["weights"])
    wanted = read_predictions(trained.outputs["predictions"]).of_part("test")
    videos, timeline = ask(files, weights.parent)
    found = {row.video: row for row in timeline.rows}
    assert sorted(found) == sorted(wanted.clip_ids)
    assert (found["test0"].answer, found["test0"].why) == ("", "nobody there")
    given = np.array([found[clip_id].probabilities for clip_id in wanted.clip_ids[1:]])
    np.testing.assert_allclose(given, wanted.probabilities[1:], atol=1e-5)
    # They differ from clip to clip by more than that.
    assert np.ptp(given, axis=0).max() > 1e-4
    # Two people of the validation part, who are not in the training part.
    model = open_model(weights.parent)
    assert (model.conformal.people, model.conformal.unit, model.new_people) == (2, "subjects", True)
    assert all(len(row.prediction_set) for row in videos.rows[1:])
    # What is shared is the same model.
    write_shared(weights, tmp_path / "peft")
    again, _ = ask(files, tmp_path / "peft")
    for one, other in zip(again.rows, videos.rows, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        assert one.prediction_set == other.prediction_set


def test_what_does_not_fit_is_refused_by_name(files, trained, tmp_path):  # noqa: F811
    folder = Path(trained.outputs["weights"]).parent
    with pytest.raises(
        ModelError, match=r'features.align: found "none", the model needs "transform"'
    ):
        ask(files, folder, features={"features": {"align": "none"}})
    with pytest.raises(ModelError, match="snakemake predict"):
        load_model(folder)
    state, metadata = load_state(folder / "weights.safetensors")
    path = tmp_path / "weights.safetensors"
    for change, message in [
        (lambda m: m["options"]["model"].update(head="regression"), "predicts values"),
        (lambda m: m["options"]["model"].update(head="generate"), "answers in words"),
        (lambda m: m["options"]["inputs"].update(shuffle_faces=True), "shuffled_faces"),
        (lambda m: m.pop("split_metadata"), "train it again"),
        (lambda m: m.pop("held_out"), "train it again"),
        (lambda m: m.update(format="another"), "not a trained vision-language model"),
    ]:
        other = json.loads(json.dumps(metadata))
        change(other)
        save_state(path, state, other)
        with pytest.raises(ModelError, match=message):
            read_vlm_description(path)
    path.write_bytes(b"{}")
    with pytest.raises(ModelError, match="not a trained vision-language model"):
        read_vlm_description(path)
    assert vlm_file(tmp_path / "empty") is None


def test_other_models_are_opened_without_transformers():
    code = "import sys, facewave.predict.load, facewave.predict.bucket; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {"transformers", "peft", "facewave.predict.vlm"} & loaded
