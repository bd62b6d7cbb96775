"""The model card: its metadata survive any name, and what comes from data is text."""

import json

import pytest
import yaml

from facewave.config.check import check_config
from facewave.face.channels import Channels
from facewave.predict.description import FORMAT, FORMAT_VERSION
from facewave.report.model_card import CardFacts, data_licence, write_model_card

HOSTILE = "no: [yes] | <script>alert(1)</script>\n# *b*"


def description(**changes):
    features = {"channels": str(Channels()), "wavelet": {"layout": "segments"}}
    member = {"held_out": {"people": [0, 1, 1], "unit": "subjects"}}
    return {
        "format": FORMAT, "format_version": FORMAT_VERSION, "facewave": "0.1", "name": HOSTILE,
        "classes": ["happy", HOSTILE], "members": [member, member], "baseline": None,
        "features": features, "tracks": {"software": {"av": "18"}, "model_sha256": "ab"},
        "weights_sha256": "cd", "trained_on": {"protocol": "grouped_k_fold", "folds": 2},
        **changes,
    }  # fmt: skip


def scores(**changes):
    per_class = [{"name": HOSTILE, "support": 9, "recall": 0.5, "precision": 0.25}]
    overall = {"uar": 0.51239, "war": 0.5, "macro_f1": 0.4, "per_class": per_class}
    return {
        "overall": overall,
        "majority_class": {"uar": 0.5, "war": 0.6},
        "bootstrap": {"n": 12, "unit": "subjects", "uar": [0.4, 0.6], "war": [0.41, 0.61]},
        "seeds": {"n": 5},
        "operating_points": {"balanced": {"ece": 0.1}},
        **changes,
    }


@pytest.fixture
def card(tmp_path):
    def write(*, described=None, **changes):
        (tmp_path / "model.json").write_text(json.dumps(described or description()))
        given = {
            "folder": tmp_path, "dataset": HOSTILE, "options": {"adapter": "table"},
            "card": check_config({})["export_model"], "scores": scores(), "clips": [],
            "subgroups": [], **changes,
        }  # fmt: skip
        write_model_card(CardFacts(**given), tmp_path / "README.md")
        return (tmp_path / "README.md").read_text()

    return write


def test_metadata_hold_any_name(card):
    text = card()
    assert text.startswith("---\n")
    metadata = yaml.safe_load(text.split("\n---\n")[0])
    (model,) = metadata["model-index"]
    assert model["name"] == HOSTILE
    (result,) = model["results"]
    assert result["dataset"]["name"] == HOSTILE
    assert [metric["value"] for metric in result["metrics"]] == [0.5124, 0.5, 0.4]


def test_what_comes_from_data_is_text(card):
    body = card().split("\n---\n", 1)[1]
    assert "<script>" not in body
    row = next(line for line in body.splitlines() if line.endswith("| 9 | 50.0 | 25.0 |"))
    assert row.count(" | ") == 3
    assert row.startswith("| no: \\[yes\\] \\| \\<script\\>")


def test_what_it_says(card):
    body = card()
    assert "478 landmarks and 52 blendshapes of a face (`mediapipe_478`)" in body
    assert "averages of 2 models" in body
    assert "| UAR | 51.2 | 40.0 to 60.0 | 50.0 |" in body
    assert "rest on 4 subjects" in body
    assert "no error rate below 0.200 can be promised" in body
    points = Channels(points="dlib_68", dimensions=2, blendshapes=False)
    features = {"channels": str(points), "wavelet": {"layout": "db2"}}
    body = card(described=description(features=features, baseline={"enrolment": "all"}))
    assert "68 landmarks of a face (`dlib_68`)" in body
    assert "answers need several windows of the same person" in body


def test_licence_of_the_data():
    card = check_config({})["export_model"]
    assert data_licence({"adapter": "table"}, card).startswith("not stated here")
    assert data_licence({"adapter": "ravdess"}, card).startswith("CC BY-NC-SA 4.0")
    assert data_licence({"adapter": "crema_d"}, card).startswith("Open Database License")
    assert data_licence({"adapter": "ravdess"}, {**card, "data_licence": "mine"}) == "mine"
