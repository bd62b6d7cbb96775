"""The report's rows of other models than the MLP, and of what says no class."""

import json

import numpy as np
import pytest

from facewave.evaluation.evaluate import Fold, evaluate_folds
from facewave.evaluation.predictions import INVALID_ANSWER, Predictions
from facewave.report.models import read_models, read_numbers, read_rows
from facewave.report.page import write_report
from tests.report.report_files import build

CLASSES = ("neutral", "happy")


def scores(predicted, *, labels=(0, 0, 1, 1), classes=CLASSES):
    answers = Predictions(
        clip_ids=[f"c{i}" for i in range(len(labels))],
        parts=["test"] * len(labels),
        labels=np.array(labels),
        predicted=np.array(predicted),
        valid=np.ones(len(labels), bool),
        probabilities=np.eye(len(classes), dtype=np.float32)[np.array(predicted)],
        classes=classes,
        metadata={},
    )
    fold = Fold(name="all", test=answers, train_labels=np.array([0, 1, 1]))
    return json.loads(json.dumps(evaluate_folds([fold])))


def written(folder, name, content):
    path = folder / name
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_an_answer_that_names_no_class_is_wrong_and_counted():
    with_invalid = scores([0, 2, 1, 2], classes=(*CLASSES, INVALID_ANSWER))
    # One right of two in each class; the two others named none.
    assert with_invalid["overall"]["uar"] == with_invalid["overall"]["war"] == 0.5
    assert with_invalid["invalid_rate"] == 0.5
    assert with_invalid["overall"]["confusion"][0] == [1, 0, 1]
    assert "invalid_rate" not in scores([0, 1, 1, 1])
    # Leaving them out would give 100 %, guessing neutral 75 %.
    assert scores([0, 0, 1, 0])["overall"]["uar"] == 0.75


def test_rows_of_models_stand_beside_the_mlp(tmp_path):
    mlp = scores([0, 0, 1, 0])
    path = written(tmp_path, "vlm.json", scores([0, 2, 1, 1], classes=(*CLASSES, INVALID_ANSWER)))
    rows = read_models(mlp, {"a model": path})
    assert [row.title for row in rows] == ["MLP", "a model"]
    assert [row.uar for row in rows] == [0.75, 0.75]
    assert [row.invalid_rate for row in rows] == [None, 0.25]
    assert rows[1].uar_interval[0] <= 0.75 <= rows[1].uar_interval[1]
    assert read_models(mlp, {}) == []


def test_models_of_other_clips_are_refused(tmp_path):
    path = written(tmp_path, "vlm.json", scores([0, 1], labels=(0, 1)))
    with pytest.raises(ValueError, match="2 clips, the MLP on 4"):
        read_models(scores([0, 0, 1, 0]), {"a model": path})


def test_numbers_and_controls_are_read_from_their_files(tmp_path):
    target = {"name": "valence", "n": 4, "mae": 0.5, "rmse": 0.6, "pearson": None, "ccc": 0.1}
    path = written(tmp_path, "regression.json", {"targets": [target], "mean_of_training": [target]})
    assert [row["title"] for row in read_numbers({"one": path, "another": path})] == [
        *("one", "another", "mean of the training part")
    ]
    assert read_models(scores([0, 0, 1, 0]), {"a model": path}) == []
    assert read_rows(None) == []
    assert read_rows(written(tmp_path, "ablation.json", {"rows": [{"variant": "full"}]})) == [
        {"variant": "full"}
    ]


def test_the_page_shows_models_numbers_and_controls(tmp_path):
    artefacts = build(tmp_path / "files")
    mlp = json.loads(artefacts["metrics_json"].read_text(encoding="utf-8"))
    target = {"name": "valence", "n": 4, "mae": 0.5, "rmse": 0.6, "pearson": None, "ccc": 0.1}
    row = {"variant": "no_face", "uar": 0.4, "low": 0.3, "high": 0.5, "war": 0.4}
    row |= {"difference": -0.1, "p": 0.02}
    models = {
        "a <model>": written(tmp_path, "vlm.json", {**mlp, "invalid_rate": 0.125}),
        "numbers": written(
            tmp_path, "regression.json", {"targets": [target], "mean_of_training": [target]}
        ),
    }
    ablation = written(tmp_path, "ablation.json", {"rows": [row]})
    page = tmp_path / "report.html"
    arguments = {"models": models, "ablation": ablation}
    write_report(output=page, quality_csv=tmp_path / "q.csv", **artefacts, **arguments)
    text = page.read_text(encoding="utf-8")
    assert "a &lt;model&gt;" in text
    assert "12.5" in text
    assert '<a href="#numbers">' in text
    for words in ("Models on the same clips", "Predicted numbers", "no_face", "-10.0", "0.020"):
        assert words in text
    write_report(output=page, quality_csv=tmp_path / "q.csv", **artefacts)
    assert "Models on the same clips" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("gives_away", "words"),
    [(True, "give part of the label away"), (False, "do not give the label")],
)
def test_the_page_shows_what_texts_add_and_give_away(tmp_path, gives_away, words):
    artefacts = build(tmp_path / "files")
    rows = [
        {
            "variant": name,
            "uar": 0.4,
            "low": 0.3,
            "high": 0.5,
            "war": 0.4,
            "difference": d,
            "p": 0.02,
        }
        for name, d in (("face_text", 0.125), ("face", 0.0))
    ]
    probe = {"n": 7, "uar": 0.875, "shuffled_uar": 0.31, "shuffled_uar_std": 0.04}
    content = {
        "text": {"kind": "tfidf"},
        "rows": rows,
        "probe": {**probe, "gives_away": gives_away},
    }
    page = tmp_path / "report.html"
    fusion = written(tmp_path, "text.json", content)
    write_report(output=page, quality_csv=tmp_path / "q.csv", text_fusion=fusion, **artefacts)
    text = page.read_text(encoding="utf-8")
    for shown in ("face and text", "12.5", "87.5", "7 texts", words):
        assert shown in text
    unknown = {"uar": None, "reason": "too few <classes>"}
    fusion = written(tmp_path, "text.json", {**content, "probe": unknown})
    write_report(output=page, quality_csv=tmp_path / "q.csv", text_fusion=fusion, **artefacts)
    assert "was not measured: too few &lt;classes&gt;." in page.read_text(encoding="utf-8")
