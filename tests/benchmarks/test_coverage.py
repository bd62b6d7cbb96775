"""The measure of coverage on answers whose sets are known."""

import numpy as np

from benchmarks.representation.coverage import Answered, coverage_of


def answers(right, people):
    """Return answers of two classes with a probability `right` of the true one, the first."""
    right = np.array(right, np.float32)
    return Answered(
        np.stack([right, 1 - right], axis=1), np.zeros(len(right), np.int64), np.array(people)
    )


def test_alike_people_are_covered_with_one_class():
    people, size = coverage_of(answers([0.9] * 20, np.repeat(np.arange(10), 2)), 0.1)
    np.testing.assert_array_equal(people, np.ones(10))
    assert size == 1


def test_a_person_read_badly_by_all_is_not_covered():
    people, _ = coverage_of(answers([0.9] * 10 + [0.2], range(11)), 0.1)
    np.testing.assert_array_equal(people, [1] * 10 + [0])


def test_too_few_people_cover_everything():
    people, size = coverage_of(answers([0.9, 0.8, 0.2], range(3)), 0.1)
    assert (people.min(), size) == (1, 2)
