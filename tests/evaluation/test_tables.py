"""Tables for papers, and of all clips."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from facewave.evaluation.clip_table import write_clip_table
from facewave.evaluation.evaluate import Fold, evaluate_folds
from facewave.evaluation.paper_table import escape, paper_rows, write_table_csv, write_table_tex
from facewave.evaluation.units import Origin
from tests.evaluation.predicted import predicted_classes
from tests.splits.split_files import CLASSES


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folds():
    """Five clips, two seeds; the second one gets one more right."""
    ids, labels = ["a", "b", "c", "d", "e"], [0, 0, 1, 1, 2]
    first, second = (predicted_classes(ids, labels, p) for p in ([0, 1, 1, 1, 0], [0, 0, 1, 1, 0]))
    return [Fold(name="1", test=first, train_labels=np.array([0, 0, 1]), other_seeds=(second,))]


@pytest.fixture
def scores(folds):
    found = evaluate_folds(folds)
    return found | {"linear": found}


def test_table_has_recalls_by_hand_and_the_models_beside(tmp_path, scores):
    found = paper_rows(scores)
    assert [row.method for row in found] == ["MLP", "logistic regression", "majority class"]
    write_table_csv(tmp_path / "t.csv", found, classes=CLASSES, calibration=None)
    mlp, _, majority = rows(tmp_path / "t.csv")
    assert [mlp[name] for name in CLASSES] == ["75.00", "100.00", "0.00"]
    # Seeds: (0.5 + 1 + 0) / 3 and (1 + 1 + 0) / 3; the deviation is |difference| / sqrt(2).
    assert (mlp["uar"], mlp["uar_std"]) == ("58.33", "11.79")
    assert (mlp["war"], mlp["calibration"]) == ("70.00", "")
    assert [majority[name] for name in CLASSES] == ["100.00", "0.00", "0.00"]
    assert majority["uar_std"] == ""


def test_latex_is_a_table_and_says_what_scores_rest_on(tmp_path, scores):
    path = tmp_path / "t.tex"
    write_table_tex(path, paper_rows(scores), classes=["a_b", "50%", "x & y"], caption="8 clips_")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert r"\caption{8 clips\_}" in lines
    assert r"Method & A\_b & 50\% & X \& y & UAR & WAR \\" in lines
    (mlp,) = (line for line in lines if line.startswith("MLP"))
    assert mlp == r"MLP & 75.0 & 100.0 & 0.0 & 58.3 $\pm$ 11.8 & 70.0 $\pm$ 14.1 \\"
    assert mlp.count("&") == 5


def test_special_characters_cannot_become_commands():
    assert escape("a\\input{x}\n#1") == r"a\textbackslash{}input\{x\} \#1"


def test_a_class_without_clips_is_a_dash(tmp_path, scores):
    row = replace(paper_rows(scores)[0], recalls=(None, 1.0, 0.0))
    write_table_tex(tmp_path / "t.tex", [row], classes=CLASSES, caption="x")
    assert "MLP & -- & 100.0" in (tmp_path / "t.tex").read_text()


def test_clip_table_has_every_clip_and_gives_the_scores(tmp_path, folds, scores):
    origins = {"a": Origin("s1", "film", "a.mp4")}
    write_clip_table(tmp_path / "p.csv", folds, origins)
    found = rows(tmp_path / "p.csv")
    assert [row["clip_id"] for row in found] == ["a", "b", "c", "d", "e"]
    assert (found[0]["subject"], found[0]["source"], found[1]["subject"]) == ("s1", "film", "")
    assert [row["right"] for row in found] == ["1.0000", "0.5000", "1.0000", "1.0000", "0.0000"]
    right = {}
    for row in found:
        right.setdefault(row["truth"], []).append(float(row["right"]))
    assert np.mean([np.mean(own) for own in right.values()]) == pytest.approx(
        scores["overall"]["uar"]
    )
    assert found[1][f"p_{CLASSES[0]}"] == "0.500000"
    assert {row["fold"] for row in found} == {"1"}
