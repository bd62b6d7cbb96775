"""Why an answer is not trusted, in words; whom a model was checked on; distances."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from facewave.evaluation.units import Origin
from facewave.mlp.held_out import Spread, as_plain, fit_spread, from_plain, with_people
from facewave.predict.conformal import Conformal
from facewave.predict.trust import Judge
from tests.predict.test_conformal import held_out


def judge(people=20, *, rate=0.1, unit="subjects", new_people=True, classes=("a", "b", "c")):
    """Return a judge of a model that was checked on some people."""
    found = replace(held_out([0.1] * people, range(people)), unit=unit)
    model = SimpleNamespace(
        conformal=Conformal([found]), new_people=new_people, classes=classes, held_out=[found]
    )
    return Judge(model=model, error_rate=rate)


def test_one_class_near_the_training_clips_is_trusted():
    assert judge().why(["a"], 50.0) == ""
    assert judge(new_people=None).why(["a"], float("nan")) == ""


@pytest.mark.parametrize(
    ("people", "unit", "words"),
    [
        (1, "subjects", "checked on 1 subject that it had not learned from, 9 are needed"),
        (8, "subjects", "on 8 subjects that it had not learned from, 9 are needed (0.112 is the"),
        (5, "clips", "on 5 clips that it had not learned from"),
    ],
)
def test_too_few_people(people, unit, words):
    assert words in judge(people, unit=unit).why(["a"], 50.0)


def test_other_reasons():
    assert judge().why([], 50.0) == "no class fits at an error rate of 0.1"
    assert judge().why(["a", "b"], 1.0) == "a, b cannot be told apart at an error rate of 0.1"
    assert judge().why(["a", "b", "c"], 1.0).startswith("no class can be excluded")
    assert "learned from" in judge(new_people=False).why(["a"], 1.0)
    far = judge().why(["a", "b"], 99.5)
    assert far.endswith("unlike the training clips: 100 % of the clips that the model was checked on are nearer to them")  # fmt: skip  # noqa: E501


class TestPeople:
    IDS = ("x", "y", "z")

    def test_subjects(self):
        origins = {name: Origin(who, None, name) for name, who in zip("xyz", "bab", strict=True)}
        found = with_people(held_out([0, 0, 0], range(3)), self.IDS, origins, {})
        assert found.people.tolist() == [1, 0, 1]
        assert (found.unit, found.new_people) == ("subjects", True)
        known = {"t": Origin("a", None, "t")}
        assert with_people(found, self.IDS, origins, known).new_people is False
        unknown = {"t": Origin(None, None, "t")}
        assert with_people(found, self.IDS, origins, unknown).new_people is None

    def test_one_person_stays_one(self):
        origins = {name: Origin("anna", None, name) for name in self.IDS}
        found = with_people(held_out([0, 0, 0], range(3)), self.IDS, origins, {})
        assert found.people.tolist() == [0, 0, 0]

    def test_recordings_where_people_are_not_known(self):
        origins = {"x": Origin(None, "film", "x"), "y": Origin(None, "film", "y")}
        origins["z"] = Origin(None, "other", "z")
        found = with_people(held_out([0, 0, 0], range(3)), self.IDS, origins, {})
        assert found.people[0] == found.people[1] != found.people[2]
        assert (found.unit, found.new_people) == ("source videos", None)

    def test_plain_values_and_back(self):
        found = held_out([0.25, 0.5], [0, 1])
        again = from_plain(as_plain(found))
        np.testing.assert_array_equal(again.scores, found.scores)
        with pytest.raises(ValueError, match="one length"):
            from_plain({**as_plain(found), "people": [1]})
        with pytest.raises(ValueError, match="held-out clips"):
            from_plain({"scores": []})


def test_distances_by_hand():
    spread = Spread(mean=torch.tensor([1.0, 0.0]), std=torch.tensor([2.0, 1.0]))
    given = torch.tensor([[1.0, 0.0], [5.0, 2.0]])
    np.testing.assert_allclose(spread.distances(given), [0, 2])


def test_training_clips_are_about_one_away_and_others_further():
    random = torch.Generator().manual_seed(3)
    clips = torch.randn(400, 30, generator=random) * torch.linspace(0.1, 2, 30)
    spread = fit_spread(SimpleNamespace(in_order=lambda: iter(clips.split(64))))
    variance = np.linspace(0.1, 2, 30) ** 2
    usual = np.sqrt(np.mean(variance / (variance + 0.1 * variance.mean())))
    assert spread.distances(clips).mean() == pytest.approx(usual, rel=0.03)
    assert spread.distances(clips + 3).min() > spread.distances(clips).max()
