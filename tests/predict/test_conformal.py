"""Prediction sets: values worked out by hand, and coverage for people never seen."""

import numpy as np
import pytest

from facewave.mlp.held_out import HeldOut
from facewave.predict.conformal import Conformal, people_needed

CLASSES = 4


def held_out(scores, people, **more):
    """Return held-out clips of which only scores and people matter."""
    scores = np.array(scores, np.float32)
    return HeldOut(
        scores=scores,
        distances=np.zeros(len(scores), np.float32),
        people=np.array(people, np.int64),
        unit="subjects",
        **more,
    )


def test_p_values_by_hand():
    # Two people: scores 0.2 and 0.6 of the first, 0.4 of the second; the new one weighs a third.
    conformal = Conformal([held_out([0.2, 0.4, 0.6], [0, 1, 0])])
    given = [np.array([[0.9, 0.7, 0.5, 0.1]], np.float32)]  # scores 0.1, 0.3, 0.5, 0.9
    third = 1 / 3
    wanted = [third + 2 * third, third + third / 2 + third, third + third / 2, third]
    np.testing.assert_allclose(conformal.p_values(given), [wanted], rtol=1e-6)
    # A score that occurs counts: 0.4 is at least as high as itself.
    same = [np.array([[0.6, 0, 0, 0]], np.float32)]
    assert conformal.p_values(same)[0, 0] == pytest.approx(third + third / 2 + third)
    assert conformal.sets(given, 0.5)[0].tolist() == [True, True, False, False]
    assert conformal.sets(given, 0.6)[0].tolist() == [True, True, False, False]


def test_models_are_each_compared_with_the_people_they_have_not_seen():
    conformal = Conformal([held_out([0.5], [0]), held_out([0.5], [0])])
    assert conformal.people == 2
    low, high = np.array([[0.9]], np.float32), np.array([[0.1]], np.float32)
    assert conformal.p_values([low, low])[0, 0] == pytest.approx(1)
    assert conformal.p_values([low, high])[0, 0] == pytest.approx(2 / 3)
    assert conformal.p_values([high, high])[0, 0] == pytest.approx(1 / 3)


def test_a_person_with_many_clips_weighs_no_more():
    few = Conformal([held_out([0.1, 0.9], [0, 1])])
    many = Conformal([held_out([0.1] * 50 + [0.9], [0] * 50 + [1])])
    given = [np.array([[0.5, 0.95, 0.05]], np.float32)]
    np.testing.assert_allclose(many.p_values(given), few.p_values(given), rtol=1e-6)


@pytest.mark.parametrize(("rate", "people"), [(0.1, 9), (0.2, 4), (0.25, 3), (0.5, 1), (0.05, 19)])
def test_with_too_few_people_no_class_is_excluded(rate, people):
    assert people_needed(rate) == people
    sure = [np.array([[1.0, 0.0]], np.float32)]
    enough = Conformal([held_out([0.1] * people, range(people))])
    short = Conformal([held_out([0.1] * (people - 1), range(people - 1))])
    assert enough.sets(sure, rate)[0].tolist() == [True, False]
    assert short.sets(sure, rate)[0].tolist() == [True, True]
    assert enough.least_error_rate <= rate + 1e-12


def answers(random, people, clips, *, difficulty=1.5):
    """Draw answers for clips: some people are read far worse than others.

    Returns:
        probabilities (n, C), labels (n,) and people (n,)
    """
    counts = random.integers(1, clips + 1, size=people)
    person = np.repeat(np.arange(people), counts)
    skill = random.normal(1.5, difficulty, size=people)[person]
    labels = random.integers(CLASSES, size=len(person))
    logits = random.normal(size=(len(person), CLASSES))
    logits[np.arange(len(person)), labels] += skill
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels, person


@pytest.mark.parametrize("rate", [0.1, 0.2])
@pytest.mark.parametrize("models", [1, 4])
def test_coverage_for_people_never_seen(rate, models):
    random, trials, covered = np.random.default_rng(7), 800, []
    for _ in range(trials):
        members = []
        for _ in range(models):
            given, labels, person = answers(random, 20 // models, 12)
            members.append(held_out(1 - given[np.arange(len(labels)), labels], person))
        given, labels, _ = answers(random, 1, 1)
        covered.append(Conformal(members).sets([given] * models, rate)[0, labels[0]])
    error = np.sqrt(rate * (1 - rate) / trials)
    assert np.mean(covered) > 1 - rate - 3 * error
    # Not by taking every class: at most the weight of one more person is given away.
    assert np.mean(covered) < 1 - rate + 1 / 21 + 3 * error
