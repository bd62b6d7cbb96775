"""Which datasets are trained on, and which are tested."""

import pytest

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.planning.cross_datasets import cross_folds, datasets_of, pair_files, pairs
from facewave.planning.plan import NO_PLAN, PlanError
from facewave.planning.project import Project

OWN = {"adapter": "folders", "root": "somewhere", "classes": ["happy", "sad"]}


def config(enabled=("a", "b", "c"), **split):
    return check_config(
        {
            "enabled": list(enabled),
            "datasets": {
                **dict.fromkeys("abc", OWN),
                "j": {"adapter": "joint", "datasets": ["a", "b"]},
            },
            "split": split,
        }
    )


def cross(**split):
    return config(protocol="cross_dataset", **split)


def project(given):
    names = given["enabled"]
    folds = {name: cross_folds(given, name) for name in names}
    return Project(given, {}, dict.fromkeys(names, NO_PLAN), folds, {})


def test_all_others_are_trained_on_where_none_is_named():
    assert [cross_folds(cross(), name) for name in "ab"] == [["fold-b+c"], ["fold-a+c"]]
    assert project(cross()).tested == ["a", "b", "c"]


def test_named_ones():
    given = cross(train=["a"], test=["b"])
    assert (cross_folds(given, "b"), cross_folds(given, "a")) == (["fold-a"], [])
    found = project(given)
    assert found.tested == ["b"]
    path = "results/b/splits/cross_dataset/fold-a/train.parquet"
    assert [str(p) for p in found.of_datasets("splits/{split}/train.parquet")] == [path]
    assert len(found.of_datasets("manifest.parquet")) == 3
    assert project(cross(train=["a"])).tested == ["b", "c"]


def test_pairs_of_all_enabled_datasets_under_any_protocol():
    given = config(("a", "b", "j"), protocol="80-20")
    assert pairs(given) == [("a", "b"), ("b", "a")]
    assert pair_files(given, "mlp/{split}/x") == [
        "results/b/mlp/cross_dataset/fold-a/x",
        "results/a/mlp/cross_dataset/fold-b/x",
    ]
    assert pairs(cross(train=["a"], test=["b", "c"])) == [("a", "b"), ("a", "c")]
    with pytest.raises(PlanError, match="enable at least two"):
        pair_files(config("a"), "x")


def test_sides_of_a_fold():
    assert datasets_of("a", "b+c") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": ["d"]}, r"split\.train: found 'd' .*expected an enabled dataset"),
        ({"train": ["a"], "test": ["a"]}, r"split\.test: .* no dataset of split\.train"),
        ({"train": ["a"], "protocol": "80-20"}, r"split\.train: .*cross_dataset"),
    ],
)
def test_what_cannot_be_is_refused(split, message):
    with pytest.raises(ConfigError, match=message):
        config(**{"protocol": "cross_dataset", **split})


def test_joint_datasets_and_single_ones_are_refused():
    for enabled in (("a", "j"), ("a",)):
        with pytest.raises(ConfigError, match="at least two datasets, and no joint"):
            config(enabled, protocol="cross_dataset")
