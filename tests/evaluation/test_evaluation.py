import hashlib
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from facewave import __version__
from facewave.evaluation.evaluate import draw_confusion, evaluate_folds, read_folds
from facewave.evaluation.metrics import evaluate
from facewave.evaluation.predictions import Predictions, read_predictions, write_predictions
from tests.splits.split_files import CLASSES, toy, write_split

ROOT = Path(__file__).parents[2]


def _predictions(clip_ids, labels, predicted, *, valid=None, parts=None, classes=CLASSES):
    n = len(clip_ids)
    return Predictions(
        clip_ids=list(clip_ids),
        parts=parts or ["test"] * n,
        labels=np.array(labels),
        predicted=np.array(predicted),
        valid=np.ones(n, bool) if valid is None else np.array(valid),
        probabilities=np.eye(len(classes), dtype=np.float32)[predicted],
        classes=tuple(classes),
        metadata={"seed": 3, "model": "mlp"},
    )


@pytest.fixture
def two_folds(tmp_path):
    """Two folds; the majority class is `happy` in the first and `neutral` in the second."""
    first = _predictions(
        ["v", "a", "b", "c", "d"],
        [2, 0, 0, 1, 1],
        [2, 0, 1, 1, 1],
        valid=[True, True, False, True, True],
        parts=["val", "test", "test", "test", "test"],
    )
    second = _predictions(["e", "f"], [0, 2], [0, 0])
    paths = []
    for number, (answers, labels) in enumerate(((first, [1, 1, 0]), (second, [0, 0, 2])), start=1):
        columns = toy(3, seed=number) | {"label": np.array(labels)}
        train = write_split(tmp_path / f"train{number}.parquet", columns)
        path = tmp_path / f"predictions{number}.parquet"
        write_predictions(path, answers)
        paths.append((path, train))
    return tuple(list(column) for column in zip(*paths, strict=True))


def test_predictions_round_trip(tmp_path):
    path = tmp_path / "p.parquet"
    answers = _predictions(["a", "b"], [0, 1], [0, 2], valid=[True, False], parts=["val", "test"])
    write_predictions(path, answers)
    again = read_predictions(path)
    assert (again.clip_ids, again.parts) == (["a", "b"], ["val", "test"])
    assert again.labels.tolist() == [0, 1]
    assert again.predicted.tolist() == [0, 2]
    assert again.valid.tolist() == [True, False]
    np.testing.assert_array_equal(again.probabilities, answers.probabilities)
    assert again.metadata == {
        "seed": 3,
        "model": "mlp",
        "classes": list(CLASSES),
        "facewave": __version__,
    }
    before = path.read_bytes()
    write_predictions(path, answers)
    assert path.read_bytes() == before


def test_predictions_reader_refuses_other_files(tmp_path):
    with pytest.raises(ValueError, match="not a predictions file: lacks part, predicted"):
        read_predictions(write_split(tmp_path / "split.parquet", toy(3)))
    (tmp_path / "text.parquet").write_text("x")
    with pytest.raises(ValueError, match="not a readable Parquet file"):
        read_predictions(tmp_path / "text.parquet")
    answers = _predictions(["a"], [7], [0])
    write_predictions(tmp_path / "p.parquet", answers)
    with pytest.raises(ValueError, match="column 'label' leaves the classes 0 to 2"):
        read_predictions(tmp_path / "p.parquet")


def test_folds_are_pooled_and_listed(two_folds):
    scores = evaluate_folds(read_folds(*two_folds))
    overall = scores["overall"]
    assert overall["n"] == 6
    assert overall["war"] == pytest.approx(4 / 6)
    assert overall["uar"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert overall["confusion"] == [[2, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert scores["n_invalid"] == 1
    assert scores["valid_only"]["n"] == 5
    assert scores["valid_only"]["war"] == pytest.approx(4 / 5)
    assert scores["majority_class"]["confusion"] == [[1, 2, 0], [0, 2, 0], [1, 0, 0]]
    assert scores["majority_class"]["war"] == pytest.approx(3 / 6)
    first, second = scores["folds"]
    assert (first["name"], first["n"], first["uar"], first["war"]) == ("1", 4, 0.75, 0.75)
    assert (second["name"], second["n"], second["uar"], second["war"]) == ("2", 2, 0.5, 0.5)
    assert (first["majority_uar"], second["majority_war"]) == (0.5, 0.5)
    assert scores["fold_mean"]["uar"] == pytest.approx(0.625)
    assert scores["fold_std"]["uar"] == pytest.approx(0.125 * np.sqrt(2))


def test_one_fold_has_no_spread(two_folds):
    predictions, trains = two_folds
    scores = evaluate_folds(read_folds(predictions[:1], trains[:1], names=["only"]))
    assert scores["fold_mean"] is None
    assert scores["fold_std"] is None
    assert scores["folds"][0]["name"] == "only"


def test_no_valid_clip_at_all(tmp_path):
    train = write_split(tmp_path / "train.parquet", toy(3))
    write_predictions(tmp_path / "p.parquet", _predictions(["a"], [0], [0], valid=[False]))
    scores = evaluate_folds(read_folds([tmp_path / "p.parquet"], [train]))
    assert scores["valid_only"] is None
    assert scores["overall"]["war"] == 1.0


def test_folds_that_mean_nothing_are_refused(tmp_path, two_folds):
    predictions, trains = two_folds
    with pytest.raises(ValueError, match="2 prediction files, 1 training parts"):
        read_folds(predictions, trains[:1])
    with pytest.raises(ValueError, match="0 prediction files"):
        read_folds([], [])
    with pytest.raises(ValueError, match="clip 'a' is tested 2 times"):
        evaluate_folds(read_folds(predictions[:1] * 2, trains[:1] * 2))
    leaking = tmp_path / "leak.parquet"
    write_predictions(leaking, _predictions(["s1_000"], [0], [0]))
    with pytest.raises(ValueError, match=r"1 test clips are in the training part .*'s1_000'"):
        read_folds([leaking], trains[:1])
    untested = tmp_path / "untested.parquet"
    write_predictions(untested, _predictions(["a"], [0], [0], parts=["val"]))
    with pytest.raises(ValueError, match="no test clip to score"):
        read_folds([untested], trains[:1])
    other = tmp_path / "other.parquet"
    write_predictions(other, _predictions(["a"], [0], [0], classes=("x", "y", "z")))
    with pytest.raises(ValueError, match="have different classes"):
        read_folds([other], trains[:1])


def test_confusion_picture(tmp_path):
    path = tmp_path / "out" / "confusion.png"
    scores = evaluate([0, 0, 1], [0, 1, 1], classes=CLASSES)
    draw_confusion(path, scores, title="demo")
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 400
    before = path.read_bytes()
    draw_confusion(path, scores.to_json(), title="demo")
    assert path.read_bytes() == before


def test_script_writes_json_and_picture(tmp_path, two_folds):
    predictions, trains = two_folds
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            predictions=[str(p) for p in predictions],
            train=[str(p) for p in trains],
            test=[str(p) for p in trains],  # without these clips: their subjects are not known
        ),
        output=SimpleNamespace(
            metrics=str(tmp_path / "out" / "metrics.json"),
            confusion=str(tmp_path / "out" / "confusion.png"),
            confused_clips=str(tmp_path / "out" / "confused_clips.csv"),
            confused_classes=str(tmp_path / "out" / "confused_classes.csv"),
        ),
        params=SimpleNamespace(title="demo, MLP", folds=["fold1", "fold2"], seed=5),
        log=[str(tmp_path / "log" / "evaluate.log")],
    )
    runpy.run_path(
        str(ROOT / "scripts" / "evaluate.py"),
        init_globals={"snakemake": snakemake},
        run_name="__main__",
    )
    text = (tmp_path / "out" / "metrics.json").read_text()
    content = json.loads(text)
    assert text == json.dumps(content, indent=2, sort_keys=True) + "\n"
    assert [fold["name"] for fold in content["folds"]] == ["fold1", "fold2"]
    assert content["classes"] == list(CLASSES)
    sources = content["provenance"]
    assert sources["facewave"] == __version__
    assert sources["seeds"] == [3, 3]
    assert sources["models"] == ["mlp", "mlp"]
    digest = hashlib.sha256(predictions[0].read_bytes()).hexdigest()
    assert sources["sha256"][str(predictions[0])] == digest
    assert len(sources["sha256"]) == 4
    assert content["bootstrap"]["seed"] == 5
    assert content["bootstrap"]["subjects"] is None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "confused_classes.csv",
        "confused_clips.csv",
        "confusion.png",
        "metrics.json",
    ]
    wrong = len((tmp_path / "out" / "confused_clips.csv").read_text().splitlines()) - 1
    confusion = np.array(content["overall"]["confusion"])
    assert wrong == confusion.sum() - np.trace(confusion)
