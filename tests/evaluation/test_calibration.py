"""What is said beside scores with a person's baseline."""

import numpy as np
import pytest

from facewave.evaluation.calibration import calibration
from facewave.evaluation.evaluate import Fold
from facewave.evaluation.late_fusion import fuse
from facewave.evaluation.predictions import Predictions, join_parts
from facewave.evaluation.units import Origin
from facewave.mlp.parts import check_same_features
from facewave.splits.read import read_split
from tests.splits.split_files import CLASSES, toy, write_split

RULE = {"subject_baseline": "mean", "enrolment": 8, "baseline_person": "auto", "seed": 1}
GOOD = {"clips": 8, "spread": 1.0}


@pytest.fixture
def calibrated(tmp_path):
    def make(references, predicted, *, rule=RULE):
        path = write_split(
            tmp_path / "test.parquet",
            toy(len(predicted)),
            more={"baseline": rule, "baseline_references": references},
        )
        table = read_split(path, groups=("landmarks",))
        answers = np.eye(3, dtype=np.float32)[predicted]
        test = join_parts({"test": table}, {"test": answers}, metadata={})
        origins = {c: Origin(f"p{i % 2}", None, c) for i, c in enumerate(table.clip_ids)}
        fold = Fold(name="1", test=test, train_labels=np.arange(3))
        return calibration([fold], [path], origins=origins)

    return make


def test_how_many_clips_stands_beside_the_scores(calibrated):
    found = calibrated({"p0": GOOD, "p1": GOOD}, [0, 1, 2, 0] * 3)
    assert found["text"] == "calibrated on 8 unlabelled clips of each test person"
    assert (found["persons"], found["clips"], found["warnings"]) == (2, [8, 8], [])


def test_one_sided_references_are_warned_about_by_name(calibrated):
    references = {"p0": {"clips": 3, "spread": 1.0}, "p1": {"clips": 8, "spread": 0.2}}
    found = calibrated(references, [1, 0, 1, 1, 1, 2] * 3)
    few, alike, same = found["warnings"]
    assert few == "1 person with fewer than 8 clips in the reference: p0"
    assert "hardly differ" in alike
    assert alike.endswith(": p1")
    assert "same answer" in same
    assert same.endswith(": p0")


def test_scores_without_a_baseline_have_none(calibrated):
    assert calibrated({}, [0, 1, 2], rule=None) is None


def test_a_model_that_reads_no_features_is_not_calibrated(tmp_path):
    path = write_split(tmp_path / "t.parquet", toy(3), more={"baseline": RULE})
    table = read_split(path, groups=())
    answers = {"test": np.eye(3, dtype=np.float32)}
    assert "baseline" not in join_parts({"test": table}, answers, metadata={}).metadata


def test_a_fusion_with_a_calibrated_model_is_calibrated():
    plain = Predictions(
        clip_ids=["a"],
        parts=["val"],
        valid=np.array([True]),
        metadata={},
        labels=np.array([0]),
        predicted=np.array([0]),
        probabilities=np.float32([[1, 0, 0]]),
        classes=CLASSES,
    )
    other = Predictions(**{**vars(plain), "metadata": {"baseline": RULE}})
    assert fuse(plain, other).metadata["baseline"] == RULE
    assert "baseline" not in fuse(plain, plain).metadata


def test_a_model_refuses_splits_with_another_baseline():
    with pytest.raises(ValueError, match=r"the person's baseline differs .*subject_baseline"):
        check_same_features({"baseline": RULE}, {"baseline": {**RULE, "enrolment": "all"}})
