"""Scores of the MLP and of other models, and wrong answers."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from facewave.ablation.compare import Row
from facewave.evaluation.evaluate import Fold, evaluate_folds
from facewave.evaluation.predictions import INVALID_ANSWER, Predictions
from facewave.evaluation.published import published_scores
from facewave.report.scores import by_task, read_confusions, read_models, read_numbers, read_rows
from facewave.report.vlm_training import ModelFiles
from tests.report.conftest import FOLDS
from tests.report.report_page import render, write

CLASSES = ("neutral", "happy")
SEVEN = ["neutral", "happy", "sad", "angry", "surprise", "disgust", "fear"]


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


def compared(variant, *, difference=0.0):
    """Return a row of a comparison over five subjects."""
    scores = dict.fromkeys(("uar", "low", "high", "war", "ece"), 0.4)
    differences = dict.fromkeys(
        ("difference", "difference_low", "difference_high", "war_difference"), difference
    )
    p = {"p": 0.02, "p_holm": 0.04, "p_war": 0.03, "smallest_p": 0.0625}
    row = Row(
        variant=variant,
        seeds=2,
        clips=4,
        unit="subjects",
        units=5,
        uar_std=0.01,
        war_std=0.01,
        video_uar=None,
        **scores,
        **differences,
        **p,
    )
    return asdict(row)


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
    assert (rows[1].test, rows[1].uar_std) == (None, None)
    test = {"variant": "a model", "p": 0.5}
    comparison = written(tmp_path, "models.json", {"rows": [{"variant": "MLP"}, test]})
    rows = read_models(mlp, {"a model": path}, comparison)
    assert [row.test for row in rows] == [None, test]


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


def test_the_page_shows_models_numbers_and_controls(artefacts, content, page, tmp_path):
    mlp = json.loads(artefacts.files.scores.read_text(encoding="utf-8"))
    target = {"name": "valence", "n": 4, "mae": 0.5, "rmse": 0.6, "pearson": None, "ccc": 0.1}
    row = compared("no_face", difference=-0.1)
    models = {
        "a <model>": written(tmp_path, "vlm.json", {**mlp, "invalid_rate": 0.125}),
        "numbers": written(
            tmp_path, "regression.json", {"targets": [target], "mean_of_training": [target]}
        ),
    }
    ablation = written(tmp_path, "ablation.json", {"rows": [row]})
    other = written(tmp_path, "other.json", {"rows": [compared("image_only", difference=-0.3)]})
    fusion = written(
        tmp_path,
        "text.json",
        {"rows": [compared("face")], "text": {"kind": "x"}, "probe": {"uar": None, "reason": "-"}},
    )
    tests = written(tmp_path, "models.json", {"rows": [compared("a <model>", difference=-0.2)]})
    path = write(
        artefacts,
        tmp_path,
        models={title: ModelFiles(scores=path) for title, path in models.items()},
        comparison=tests,
        ablations={"Model <a>": ablation, "Model <b>": other},
        text_fusion=fusion,
    )[0]
    text = path.read_text(encoding="utf-8")
    assert "a &lt;model&gt;" in text
    assert "12.5" in text
    assert '<a href="#numbers">' in text
    assert '<a href="#text">' in text
    for words in (
        "Models on the same clips",
        "Predicted values",
        "Model &lt;a&gt;",
        "no_face",
        "-10.0",
        "Model &lt;b&gt;",
        "image_only",
        "-30.0",
        "0.0200",
        "0.0625",
    ):
        assert words in text
    assert "-20.0" in text
    assert "against the MLP, two-sided, over 5 subjects" in " ".join(text.split())
    assert "random weights" not in text
    assert "Models on the same clips" not in page.text
    rows = by_task(read_models(mlp, models))
    tiny = render("models.html", content, models=rows, random_weights=True)
    assert "say nothing about PaliGemma 2 and Qwen2.5-VL" in tiny.words()


@pytest.mark.parametrize(
    ("gives_away", "words"),
    [(True, "give part of the label away"), (False, "do not give the label")],
)
def test_the_page_shows_what_texts_add_and_give_away(content, gives_away, words):
    rows = [compared(name, difference=d) for name, d in (("face_text", 0.125), ("face", 0.0))]
    probe = {"n": 7, "uar": 0.875, "shuffled_uar": 0.31, "shuffled_uar_std": 0.04}
    fusion = {
        "text": {"kind": "tfidf"},
        "rows": rows,
        "probe": {**probe, "gives_away": gives_away},
    }
    page = render("text_fusion.html", content, text_fusion=fusion)
    for shown in ("face and text", "12.5", "87.5", "7 texts", words):
        assert shown in page.words()
    unknown = {"uar": None, "reason": "too few <classes>"}
    page = render("text_fusion.html", content, text_fusion={**fusion, "probe": unknown})
    assert "could not be measured: too few <classes>." in page.words()


def test_numbers_are_those_of_the_metrics(artefacts, page):
    scores = json.loads(artefacts.files.scores.read_text(encoding="utf-8"))
    for name, part in (
        ("MLP, all clips", "overall"),
        ("MLP, valid clips only", "valid_only"),
        ("majority class, all clips", "majority_class"),
    ):
        row = [f"{100 * scores[part][key]:.1f}" for key in ("uar", "war", "macro_f1")]
        assert page.row(name) == [[str(scores[part]["n"]), *row]]
    for entry in scores["overall"]["per_class"]:
        cells = [entry[key] for key in ("precision", "recall", "f1")]
        text = ["–" if cell is None else f"{100 * cell:.1f}" for cell in cells]
        assert [*text, str(entry["support"])] in page.row(entry["name"])
    assert f"{100 * scores['overall']['uar']:.1f}" in page.text.partition("Dataset")[0]


def test_several_folds_have_a_table_with_mean_and_deviation(folds):
    artefacts, page = folds
    scores = json.loads(artefacts.files.scores.read_text(encoding="utf-8"))
    for row in scores["folds"]:
        [_, cells] = page.row(row["name"])[:2]
        assert cells[:3] == ["7", "2", str(row["n"])]
        assert cells[3:6] == [f"{100 * row[key]:.1f}" for key in ("uar", "war", "macro_f1")]
    mean, deviation = scores["fold_mean"]["uar"], scores["fold_std"]["uar"]
    [total] = page.row("mean ± standard deviation")
    assert total[3] == f"{100 * mean:.1f} ± {100 * deviation:.1f}"
    assert [len(page.row(fold)) for fold in FOLDS] == [5, 5, 5]


def test_intervals_and_published_scores_are_shown(content):
    scores = content["scores"] | {"fold_mean": content["overall"]}
    lines = published_scores("dfew", SEVEN)
    page = render("evaluation.html", content, published=lines, scores=scores)
    assert page.row("all clips, over clips")
    assert "Published on this dataset" in page.words()
    assert "for the official protocol, this page is for 80-10-10." in page.words()
    [row] = page.row("MAE-DFER")
    assert row[:3] == ["video", "63.4", "74.4"]
    assert "arXiv 2307.02227" in row[3]
    assert page.row("this MLP, mean of the folds")


def test_wrong_answers_are_shown_up_to_a_limit(artefacts, content, page):
    assert "The 1 most confident of 1 wrong answer;" in page.words()
    files = artefacts.files
    none = read_confusions(files.confused_clips, files.confused_classes, shown=0)
    assert (none.clips, none.total, len(none.classes)) == ([], 1, 1)
    page = render("evaluation.html", content, confusions=none)
    assert "The 0 most confident of 1 wrong answer;" in page.words()


def test_calibrated_scores_stand_in_a_table_of_their_own(artefacts, content, tmp_path):
    mlp = json.loads(artefacts.files.scores.read_text(encoding="utf-8"))
    text = "calibrated on 8 unlabelled clips of each test person"
    own = {"text": text, "rule": {"subject_baseline": "mean"}, "warnings": ["1 person with <few>"]}
    strict = written(tmp_path, "strict.json", mlp)
    tables = by_task(read_models({**mlp, "calibration": own}, {"pixels": strict}))
    assert {task: [row.title for row in rows] for task, rows in tables.items()} == {
        text: ["MLP"],
        None: ["pixels"],
    }
    page = render("models.html", content, models=tables)
    assert page.text.count("macro-F1, %") == 2
    assert f"Another task: {text}." in page.words()
    shown = render("evaluation.html", content, calibration=own)
    assert f"MLP, all clips, {text}" in shown.words()
    assert "1 person with <few>" in shown.text
    assert "this MLP" not in shown.text
    assert "calibrated" not in render("evaluation.html", content).text
