import itertools

import numpy as np
import pytest

from facewave.ablation.compare import (
    AnswerFiles,
    Answers,
    compare,
    join_folds,
    read_all_answers,
    read_answers,
)
from facewave.evaluation.predictions import join_predictions, write_predictions
from facewave.evaluation.units import Origin
from tests.evaluation.predicted import predicted_classes, predicted_values

LABELS = np.repeat([0, 1, 2], 20)
CLIPS = [str(clip) for clip in range(LABELS.size)]


def answers(accuracy, *, seeds=2, seed=0):
    random = np.random.default_rng(seed)
    right = random.random((seeds, LABELS.size)) < accuracy
    predicted = np.where(right, LABELS, (LABELS + 1) % 3)
    return Answers(
        clip_ids=CLIPS,
        labels=LABELS,
        valid=np.ones(LABELS.size, bool),
        predicted=predicted,
        probabilities=np.eye(3, dtype=np.float32)[predicted] * 0.7 + 0.1,
    )


def test_scores_by_hand():
    found = Answers(
        clip_ids=list("abcd"),
        valid=np.ones(4, bool),
        labels=np.array([0, 0, 1, 1]),
        predicted=np.array([[0, 1, 1, 1], [0, 0, 1, 0]]),
        probabilities=np.full((2, 4, 2), 0.5, np.float32),
    )
    (row,) = compare({"a": found}, reference="a", seed=0)
    assert (row.uar, row.war, row.seeds, row.clips) == (0.75, 0.75, 2, 4)
    assert (row.uar_std, row.war_std, row.video_uar) == (0, 0, None)
    assert (row.unit, row.units) == ("clips", 4)
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


def test_intervals_and_tests_are_over_people():
    """Ten people, each with answers that are all right or all wrong: as ten clips, not 60."""
    person = np.arange(LABELS.size) % 10
    origins = {clip: Origin(str(own), None, clip) for clip, own in zip(CLIPS, person, strict=True)}

    def by_person(right):
        predicted = np.where(np.isin(person, right), LABELS, (LABELS + 1) % 3)[np.newaxis]
        probabilities = np.eye(3, dtype=np.float32)[predicted]
        valid = np.ones(LABELS.size, bool)
        return Answers(
            clip_ids=CLIPS,
            labels=LABELS,
            valid=valid,
            predicted=predicted,
            probabilities=probabilities,
        )

    variants = {"base": by_person([0, 1, 2]), "more": by_person(range(7)), "same": by_person([3])}
    rows = {
        row.variant: row for row in compare(variants, reference="base", origins=origins, seed=0)
    }
    more = rows["more"]
    assert (more.unit, more.units, more.seeds, more.uar_std) == ("subjects", 10, 1, None)
    # Four people changed for the better: two of the 16 exchanges are as far from 0.
    assert (more.p, more.smallest_p, more.p_war) == (0.125, 0.125, 0.125)
    assert more.p_holm == 0.25
    assert rows["base"].p_holm == 1
    assert more.difference == pytest.approx(0.4)
    assert more.difference_low > 0
    assert more.war_difference == pytest.approx(0.4)
    over_clips = compare(variants, reference="base", seed=0)[0]
    assert over_clips.p < 0.001
    assert over_clips.high - over_clips.low < more.high - more.low


def test_answers_of_windows_count_once_per_video_as_well():
    """Two windows of two videos each: one window of the first is wrong, but less sure."""
    origins = {clip: Origin(None, None, clip[0]) for clip in ("a1", "a2", "b1", "b2")}
    probabilities = np.float32([[[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.2, 0.8]]])
    found = Answers(
        clip_ids=list(origins),
        labels=np.array([0, 0, 1, 1]),
        valid=np.ones(4, bool),
        predicted=probabilities.argmax(axis=2),
        probabilities=probabilities,
    )
    (row,) = compare({"a": found}, reference="a", origins=origins, seed=0)
    assert (row.uar, row.video_uar, row.unit, row.units) == (0.75, 1.0, "videos", 2)


def test_variants_are_read_when_asked_for(tmp_path):
    for variant, fold in itertools.product("xy", "12"):
        path = tmp_path / f"{variant}{fold}.parquet"
        write_predictions(path, predicted_classes([f"a{fold}", f"b{fold}"], [0, 1], [0, 0]))
    files = {v: [[tmp_path / f"{v}{fold}.parquet"] for fold in "12"] for v in "xy"}
    found = AnswerFiles(files)
    assert (list(found), len(found)) == (["x", "y"], 2)
    assert found["x"].clip_ids == ["a1", "b1", "a2", "b2"]
    (tmp_path / "y2.parquet").unlink()
    assert found["x"].labels.tolist() == [0, 1, 0, 1]
    with pytest.raises(FileNotFoundError):
        found["y"]


def test_folds_of_one_job_are_told_apart(tmp_path):
    folds = [
        predicted_classes(["a", "b"], [0, 1], [0, 0]),
        predicted_classes(["c", "d", "e"], [1, 0, 0], [1, 1, 0]),
    ]
    write_predictions(tmp_path / "both.parquet", join_predictions(folds))
    write_predictions(tmp_path / "alone.parquet", predicted_classes(["f"], [1], [1]))
    jobs = [[tmp_path / "both.parquet"], [tmp_path / "alone.parquet"]]
    found = read_all_answers({"x": jobs})["x"]
    assert [fold.clip_ids for fold in found] == [["a", "b"], ["c", "d", "e"], ["f"]]
    assert [fold.predicted.tolist() for fold in found] == [[[0, 0]], [[1, 1, 0]], [[1]]]
    assert AnswerFiles({"x": jobs})["x"].labels.tolist() == [0, 1, 1, 0, 0, 1]


def test_what_cannot_be_compared_is_refused():
    other = answers(0.5)
    shorter = Answers(
        clip_ids=CLIPS[:-1],
        labels=LABELS[:-1],
        valid=other.valid[:-1],
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
    assert whole.clip_ids == CLIPS * 2
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
