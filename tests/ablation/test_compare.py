import numpy as np
import pytest

from facewave.ablation.compare import Answers, compare, join_folds, read_answers
from facewave.evaluation.predictions import write_predictions
from tests.evaluation.predicted import predicted_classes, predicted_values

LABELS = np.repeat([0, 1, 2], 20)


def answers(accuracy, *, seeds=2, seed=0):
    random = np.random.default_rng(seed)
    right = random.random((seeds, LABELS.size)) < accuracy
    predicted = np.where(right, LABELS, (LABELS + 1) % 3)
    return Answers(
        labels=LABELS,
        predicted=predicted,
        probabilities=np.eye(3, dtype=np.float32)[predicted] * 0.7 + 0.1,
    )


def test_scores_by_hand():
    found = Answers(
        labels=np.array([0, 0, 1, 1]),
        predicted=np.array([[0, 1, 1, 1], [0, 0, 1, 0]]),
        probabilities=np.full((2, 4, 2), 0.5, np.float32),
    )
    (row,) = compare({"a": found}, reference="a", seed=0)
    assert (row.uar, row.war, row.seeds, row.clips) == (0.75, 0.75, 2, 4)
    assert row.uar_std == 0
    assert (row.difference, row.p) == (0, 1)
    assert 0 <= row.low <= row.uar <= row.high <= 1


def test_better_variants_come_first_and_differ():
    rows = compare({"bad": answers(0.3), "good": answers(0.9)}, reference="bad", seed=0)
    assert [row.variant for row in rows] == ["good", "bad"]
    assert rows[0].difference == pytest.approx(rows[0].uar - rows[1].uar)
    assert rows[0].p < 0.01
    assert rows[0].low > rows[1].high


def test_equal_variants_do_not_differ():
    rows = compare({"a": answers(0.5), "b": answers(0.5, seed=1)}, reference="a", seed=0)
    assert min(row.p for row in rows) > 0.05


def test_what_cannot_be_compared_is_refused():
    other = answers(0.5)
    shorter = Answers(
        labels=LABELS[:-1],
        predicted=other.predicted[:, :-1],
        probabilities=other.probabilities[:, :-1],
    )
    with pytest.raises(ValueError, match="other clips"):
        compare({"a": other, "b": shorter}, reference="a", seed=0)
    with pytest.raises(ValueError, match="among the variants"):
        compare({"a": other}, reference="b", seed=0)


def test_folds_are_joined():
    whole = join_folds([answers(0.5), answers(0.9)])
    assert whole.labels.shape == (120,)
    assert whole.predicted.shape == (2, 120)
    assert whole.probabilities.shape == (2, 120, 3)


def test_answers_are_read_of_the_test_part_of_every_seed(tmp_path):
    files = [tmp_path / f"{seed}.parquet" for seed in range(2)]
    for seed, path in enumerate(files):
        parts = ["val", "test", "test"]
        write_predictions(
            path, predicted_classes(["v", "a", "b"], [2, 0, 1], [0, 0, seed], parts=parts)
        )
    found = read_answers(files)
    assert found.labels.tolist() == [0, 1]
    assert found.predicted.tolist() == [[0, 0], [0, 1]]
    assert found.uar_by_seed() == [0.5, 1]
    write_predictions(files[1], predicted_classes(["a"], [0], [0]))
    with pytest.raises(ValueError, match="holds other clips than"):
        read_answers(files)
    write_predictions(files[1], predicted_values(["a"], [[1, 2]], [[1, 2]]))
    with pytest.raises(ValueError, match="not classes"):
        read_answers(files)
