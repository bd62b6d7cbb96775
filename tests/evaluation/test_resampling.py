import itertools
import json
import tracemalloc

import numpy as np
import pytest

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.resampling import (
    N_BOOTSTRAP,
    bootstrap,
    holm,
    limits,
    paired_permutation,
    score_intervals,
)
from facewave.evaluation.units import Units


def clips(n):
    return Units(kind="clips", of_clip=np.arange(n))


def people(of_clip):
    return Units(kind="subjects", of_clip=np.asarray(of_clip))


def answers(n, *, accuracy, seed=0, classes=3):
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    wrong = (truth + 1) % classes
    return truth, np.where(random.random(n) < accuracy, truth, wrong)


@pytest.mark.parametrize("units", [clips(150), people(np.arange(150) // 10)])
def test_interval_is_that_of_a_plain_bootstrap(units):
    truth, predicted = answers(150, accuracy=0.7)
    found = score_intervals(truth, predicted == truth, units=units, seed=1)
    random = np.random.default_rng(2)
    scores = []
    for _ in range(1000):
        drawn = random.integers(0, units.count, units.count)
        rows = np.concatenate([np.flatnonzero(units.of_clip == unit) for unit in drawn])
        uar = unweighted_average_recall(truth[rows], predicted[rows])
        scores.append((uar, (truth[rows] == predicted[rows]).mean()))
    for name, plain in zip(
        ("uar", "war"), np.quantile(scores, [0.025, 0.975], axis=0).T, strict=True
    ):
        np.testing.assert_allclose(found[name], plain, atol=0.02)
    assert (found["unit"], found["n"]) == (units.kind, units.count)


def test_interval_over_subjects_is_wider_where_people_differ():
    truth, _ = answers(200, accuracy=1)
    person = np.arange(200) // 20
    right = person < 5  # each person is all right or all wrong
    wide = score_intervals(truth, right, units=people(person), seed=1)["war"]
    narrow = score_intervals(truth, right, units=clips(200), seed=1)["war"]
    assert np.diff(wide)[0] > 2 * np.diff(narrow)[0]


def test_intervals_are_seeded_and_json():
    truth, predicted = answers(50, accuracy=0.5)
    units = people(np.arange(50) // 5)

    def found(seed):
        return score_intervals(truth, predicted == truth, units=units, seed=seed)

    assert found(4) == found(4)
    assert found(4)["uar"] != found(5)["uar"]
    assert json.loads(json.dumps(found(4))) == found(4)
    assert found(4)["n_bootstrap"] == N_BOOTSTRAP


def test_a_class_that_is_never_true_does_not_count():
    truth = np.array([0, 0, 2, 2])
    found = score_intervals(truth, np.array([1, 1, 1, 0]), units=clips(4), seed=0)
    assert found["uar"][1] == 1.0
    assert np.isfinite(found["uar"]).all()


def test_differences_of_answers_to_the_same_clips_are_drawn_together():
    truth, predicted = answers(300, accuracy=0.6)
    right = (predicted == truth).astype(float)
    samples = bootstrap(np.stack([right, right]), truth, clips(300), seed=0)
    assert np.array_equal(samples.uar[:, 0], samples.uar[:, 1])
    assert limits(samples.war[:, 0] - samples.war[:, 1]) == [0, 0]


def test_permutation_is_exact_for_few_units():
    sums = np.array([0.3, -0.1, 0.25, 0.05, 0.2])
    signs = itertools.product([1, -1], repeat=5)
    p = np.mean([abs(np.dot(sign, sums)) >= sums.sum() - 1e-12 for sign in signs])
    # Two clips each: only their sum counts.
    differences = np.repeat(sums / 2, 2)
    found = paired_permutation(differences, people(np.arange(10) // 2), seed=0)
    assert (found.p, found.smallest_p, found.exact) == (p, 2 / 2**5, True)


def test_five_speakers_can_give_no_smaller_p():
    found = paired_permutation(np.ones(1000), people(np.arange(1000) % 5), seed=0)
    assert (found.p, found.smallest_p) == (0.0625, 0.0625)


def test_no_difference_gives_p_1():
    found = paired_permutation(np.zeros(5), clips(5), seed=0)
    assert (found.p, found.smallest_p) == (1, 1)
    balanced = paired_permutation(np.array([0.5, -0.5] * 50), clips(100), seed=0)
    assert balanced.p == 1


def test_drawn_permutations_agree_with_the_binomial():
    # 60 equal differences for one side and 40 for the other: p of a sign test.
    differences = np.array([0.1] * 60 + [-0.1] * 40)
    found = paired_permutation(differences, clips(100), seed=3)
    assert found.p == pytest.approx(0.0569, abs=0.01)
    assert (found.smallest_p, found.exact) == (0.0001, False)
    different = np.random.default_rng(0).normal(0.2, 1, 100)
    normal = paired_permutation(different, clips(100), seed=3)
    z = abs(different.sum()) / np.sqrt((different**2).sum())
    assert normal.p == pytest.approx(2 * (1 - 0.5 * (1 + _erf(z / np.sqrt(2)))), abs=0.02)


def _erf(x):
    from math import erf

    return erf(x)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]).tolist() == [1, 1]
    assert holm([]).size == 0


def simulated_p(random, *, persons, clips_each, effect, spread):
    """Return p over persons and over clips of two variants that differ by person.

    Args:
        random: of the answers.
        persons, clips_each: numbers.
        effect: mean difference of the accuracies of all people, as a fraction.
        spread: standard deviation over people of the difference.
    """
    person = np.repeat(np.arange(persons), clips_each)
    labels = np.tile(np.arange(clips_each) % 6, persons)
    base = np.clip(random.normal(0.6, 0.1, persons), 0.2, 0.9)
    other = np.clip(base + random.normal(effect, spread, persons), 0.0, 1.0)
    right = [random.random(person.size) < own[person] for own in (other, base)]
    counts = np.bincount(labels)
    added = (right[0].astype(float) - right[1]) / counts[labels] / counts.size
    return [paired_permutation(added, u, seed=0).p for u in (people(person), clips(person.size))]


@pytest.mark.parametrize("persons", [12, 24])
def test_equal_variants_are_found_different_as_often_as_said(persons):
    """Between people the variants differ by 10 points, on average by nothing."""
    random = np.random.default_rng(persons)
    found = np.array(
        [
            simulated_p(random, persons=persons, clips_each=60, effect=0.0, spread=0.1)
            for _ in range(400)
        ]
    )
    over_people, over_clips = (found <= 0.05).mean(axis=0)
    assert over_people <= 0.07
    assert over_clips > 0.15  # what is wrong with a test over clips


def test_a_real_difference_is_found():
    random = np.random.default_rng(1)
    found = [
        simulated_p(random, persons=24, clips_each=60, effect=0.1, spread=0.1)[0]
        for _ in range(100)
    ]
    assert np.mean(np.array(found) <= 0.05) > 0.85


@pytest.mark.parametrize("units", [clips(100_000), people(np.arange(100_000) // 20)])
def test_memory_does_not_grow_with_the_samples(units):
    random = np.random.default_rng(0)
    truth = random.integers(0, 7, 100_000)
    right = random.integers(0, 6, (2, 100_000)) / 5
    tracemalloc.start()
    bootstrap(right, truth, units, seed=0)
    paired_permutation(right[0] - right[1], units, seed=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
