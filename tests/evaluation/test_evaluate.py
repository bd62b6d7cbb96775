import hashlib
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from facewave import __version__
from facewave.evaluation.evaluate import evaluate_folds, read_folds
from facewave.evaluation.predictions import write_predictions
from facewave.evaluation.units import Origin
from tests.evaluation.predicted import predicted_classes, predicted_values
from tests.splits.split_files import CLASSES, toy, write_split

ROOT = Path(__file__).parents[2]

VALUE_SCORES = ["folds", "mean_of_training", "n", "n_invalid", "seeds", "targets"]


@pytest.fixture
def two_folds(tmp_path):
    """Two folds; the majority class is `happy` in the first and `neutral` in the second."""
    first = predicted_classes(
        ["v", "a", "b", "c", "d"],
        [2, 0, 0, 1, 1],
        [2, 0, 1, 1, 1],
        valid=[True, True, False, True, True],
        parts=["val", "test", "test", "test", "test"],
    )
    second = predicted_classes(["e", "f"], [0, 2], [0, 0])
    paths = []
    for number, (answers, labels) in enumerate(((first, [1, 1, 0]), (second, [0, 0, 2])), start=1):
        columns = toy(3, seed=number) | {"label": np.array(labels)}
        train = write_split(tmp_path / f"train{number}.parquet", columns)
        path = tmp_path / f"predictions{number}.parquet"
        write_predictions(path, answers)
        paths.append((path, train))
    return tuple(list(column) for column in zip(*paths, strict=True))


@pytest.fixture
def value_folds(tmp_path):
    """Two folds of values; their first clips are not valid, one of these is not tested."""
    folds = [
        predicted_values(
            ["v", "a", "b"],
            [[9, 9], [1, 2], [3, 4]],
            [[0, 0], [1, 2], [4, 4]],
            parts=["val", "test", "test"],
        ),
        predicted_values(["c"], [[5, 6]], [[7, 6]]),
    ]
    files = []
    for number, answers in enumerate(folds, start=1):
        train = write_split(tmp_path / f"train{number}.parquet", toy(3, seed=number))
        path = tmp_path / f"values{number}.parquet"
        write_predictions(path, answers)
        files.append((path, train))
    return tuple(list(column) for column in zip(*files, strict=True))


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
    write_predictions(tmp_path / "p.parquet", predicted_classes(["a"], [0], [0], valid=[False]))
    scores = evaluate_folds(read_folds([tmp_path / "p.parquet"], [train]))
    assert scores["valid_only"] is None
    assert scores["overall"]["war"] == 1.0


def test_folds_that_mean_nothing_are_refused(tmp_path, two_folds):
    predictions, trains = two_folds
    with pytest.raises(ValueError, match="3 prediction files, 2 training parts"):
        read_folds([*predictions, predictions[0]], trains)
    with pytest.raises(ValueError, match="other clips than"):
        read_folds(predictions, trains[:1])  # as two seeds of one fold
    with pytest.raises(ValueError, match="0 prediction files"):
        read_folds([], [])
    with pytest.raises(ValueError, match="clip 'a' is tested 2 times"):
        evaluate_folds(read_folds(predictions[:1] * 2, trains[:1] * 2))
    leaking = tmp_path / "leak.parquet"
    write_predictions(leaking, predicted_classes(["s1_000"], [0], [0]))
    with pytest.raises(ValueError, match=r"1 test clips are in the training part .*'s1_000'"):
        read_folds([leaking], trains[:1])
    untested = tmp_path / "untested.parquet"
    write_predictions(untested, predicted_classes(["a"], [0], [0], parts=["val"]))
    with pytest.raises(ValueError, match="no test clip to score"):
        read_folds([untested], trains[:1])
    other = tmp_path / "other.parquet"
    write_predictions(other, predicted_classes(["a"], [0], [0], classes=("x", "y", "z")))
    with pytest.raises(ValueError, match="have different classes"):
        read_folds([other], trains[:1])


def test_scores_of_several_seeds_are_means(tmp_path):
    train = write_split(tmp_path / "train.parquet", toy(3))
    answers = [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]]
    paths = []
    for seed, predicted in enumerate(answers):
        paths.append(tmp_path / f"{seed}.parquet")
        write_predictions(paths[-1], predicted_classes(list("abcd"), [0, 0, 1, 1], predicted))
    (fold,) = read_folds(paths, [train])
    scores = evaluate_folds([fold])
    uars = [1.0, 0.75, 0.5]
    assert scores["overall"]["uar"] == pytest.approx(np.mean(uars))
    assert scores["seeds"]["values"]["uar"] == uars
    assert scores["seeds"]["std"]["war"] == pytest.approx(np.std(uars, ddof=1))
    assert scores["folds"][0]["uar"] == pytest.approx(0.75)
    # Of class 0 two, one and no clips are right.
    assert scores["overall"]["confusion"][0] == pytest.approx([1, 1, 0])
    recalls = [row["recall"] for row in scores["overall"]["per_class"]]
    assert recalls == [pytest.approx(0.5), 1.0, None]
    assert scores["bootstrap"]["uar"][0] <= 0.75 <= scores["bootstrap"]["uar"][1]
    assert evaluate_folds(read_folds(paths[:1], [train]))["overall"]["uar"] == 1.0


def test_windows_are_scored_by_video_as_well_and_drawn_with_it(tmp_path):
    train = write_split(tmp_path / "train.parquet", toy(3))
    answers = predicted_classes(list("abcdef"), [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0])
    write_predictions(tmp_path / "p.parquet", answers)
    origins = {clip: Origin(None, None, f"video {clip in 'abc'}") for clip in "abcdef"}
    scores = evaluate_folds(read_folds([tmp_path / "p.parquet"], [train]), origins=origins)
    assert scores["overall"]["uar"] == pytest.approx(2 / 3)
    assert (scores["bootstrap"]["unit"], scores["bootstrap"]["n"]) == ("videos", 2)
    by_video = scores["videos"]
    assert (by_video["overall"]["n"], by_video["overall"]["uar"]) == (2, 1.0)
    assert by_video["bootstrap"]["n"] == 2


def test_values_are_scored_beside_the_mean(value_folds):
    scores = evaluate_folds(read_folds(*value_folds))
    assert sorted(scores) == VALUE_SCORES
    assert [fold["n"] for fold in scores["folds"]] == [2, 1]
    assert (scores["n"], scores["n_invalid"]) == (3, 1)
    valence, arousal = scores["targets"]
    assert (valence["name"], arousal["name"]) == ("valence", "arousal")
    assert valence["mae"] == pytest.approx((0 + 1 + 2) / 3)
    assert arousal["rmse"] == 0
    baseline = scores["mean_of_training"][0]
    assert baseline["mae"] == pytest.approx((0 + 2 + 4) / 3)
    assert baseline["pearson"] is None


def test_folds_of_values_that_mean_nothing_are_refused(tmp_path, value_folds):
    answers, trains = value_folds
    with pytest.raises(ValueError, match="clip 'a' is tested 2 times"):
        evaluate_folds(read_folds(answers[:1] * 2, trains[:1] * 2))
    path = tmp_path / "p.parquet"
    write_predictions(path, predicted_values(["s1_000"], [[1, 2]], [[1, 2]]))
    with pytest.raises(ValueError, match="their score would mean nothing"):
        read_folds([path], trains[:1])
    write_predictions(path, predicted_values(["x"], [[1]], [[1]], targets=("valence",)))
    with pytest.raises(ValueError, match="fold '2' has other classes or targets than fold '1'"):
        evaluate_folds(read_folds([answers[0], path], trains))
    write_predictions(path, predicted_classes(["x"], [0], [0]))
    with pytest.raises(ValueError, match="fold '2' has other classes or targets than fold '1'"):
        evaluate_folds(read_folds([answers[0], path], trains))
    write_predictions(path, predicted_values(["x"], [[1, 2]], [[1, 2]], parts=["val"]))
    with pytest.raises(ValueError, match="no test clip has a target"):
        evaluate_folds(read_folds([path], trains[:1]))


def test_a_clip_without_a_target_counts_for_the_others(tmp_path):
    train = write_split(tmp_path / "train.parquet", toy(3))
    truth = [[1.0, np.nan], [2.0, 5.0], [np.nan, np.nan], [4.0, 7.0]]
    for seed in (0, 1):
        answers = predicted_values(list("abcd"), truth, [[1 + seed, 6], [2, 6], [9, 9], [4, 6]])
        write_predictions(tmp_path / f"{seed}.parquet", answers)
    folds = read_folds([tmp_path / "0.parquet", tmp_path / "1.parquet"], [train])
    origins = {clip: Origin(f"person {clip in 'ab'}", None, clip) for clip in "abcd"}
    scores = evaluate_folds(folds, origins=origins)
    valence, arousal = scores["targets"]
    assert (scores["n"], scores["seeds"]["n"], valence["n"], arousal["n"]) == (3, 2, 3, 2)
    assert valence["mae"] == pytest.approx((0 + 1 / 3) / 2)
    assert valence["std"]["mae"] == pytest.approx(np.std([0, 1 / 3], ddof=1))
    assert (arousal["mae"], arousal["pearson"]) == (1, None)
    assert (valence["interval"]["unit"], valence["interval"]["n"]) == ("subjects", 2)


def run(snakemake):
    runpy.run_path(
        str(ROOT / "scripts" / "evaluate.py"),
        init_globals={"snakemake": snakemake},
        run_name="__main__",
    )


def test_script_scores_values(tmp_path, value_folds):
    answers, trains = value_folds
    snakemake = SimpleNamespace(
        input=SimpleNamespace(predictions=answers, train=trains, test=trains),
        output=SimpleNamespace(
            metrics=str(tmp_path / "out" / "regression.json"),
            figure=str(tmp_path / "out" / "regression.png"),
        ),
        params=SimpleNamespace(title="demo", folds=["x", "y"], seed=0),
        log=[str(tmp_path / "evaluate.log")],
    )
    run(snakemake)
    content = json.loads((tmp_path / "out" / "regression.json").read_text())
    assert content.pop("calibration") is None
    assert sorted(content) == sorted([*VALUE_SCORES, "provenance"])
    assert content["provenance"]["models"] == ["vlm", "vlm"]
    with Image.open(tmp_path / "out" / "regression.png") as image:
        assert image.format == "PNG"


def test_script_writes_scores_and_figure(tmp_path, two_folds):
    predictions, trains = two_folds
    snakemake = SimpleNamespace(
        input=SimpleNamespace(
            predictions=[str(p) for p in predictions],
            train=[str(p) for p in trains],
            test=[str(p) for p in trains],  # without these clips: their subjects are not known
        ),
        output=SimpleNamespace(
            metrics=str(tmp_path / "out" / "metrics.json"),
            figure=str(tmp_path / "out" / "confusion.png"),
            confused_clips=str(tmp_path / "out" / "confused_clips.csv"),
            confused_classes=str(tmp_path / "out" / "confused_classes.csv"),
        ),
        params=SimpleNamespace(title="demo, MLP", folds=["fold1", "fold2"], seed=5),
        log=[str(tmp_path / "log" / "evaluate.log")],
    )
    run(snakemake)
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
    assert content["bootstrap"]["unit"] == "clips"
    assert content["seeds"]["std"] is None
    assert content["videos"] is None
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "confused_classes.csv",
        "confused_clips.csv",
        "confusion.png",
        "metrics.json",
    ]
    wrong = len((tmp_path / "out" / "confused_clips.csv").read_text().splitlines()) - 1
    confusion = np.array(content["overall"]["confusion"])
    assert wrong == confusion.sum() - np.trace(confusion)
