"""Nested cross-validation: the choice by hand-made scores, inner folds, candidates."""

import csv
import runpy
from pathlib import Path

import numpy as np
import pytest

from facewave.ablation.compare import Answers
from facewave.ablation.nested import choose, inner_parts, inner_scores, nested
from facewave.evaluation.predictions import read_predictions
from facewave.splits.leaks import SplitClip
from facewave.splits.partition import GROUPED_K_FOLD, SplitError, SplitOptions
from facewave.splits.read import SplitTable
from tests.splits.split_files import toy, write_split

ROOT = Path(__file__).parents[2]


def answers(*rows):
    """Return answers to the labels 0 0 1 1, one row per seed."""
    predicted = np.array(rows)
    return Answers(
        clip_ids=list("abcd"),
        labels=np.array([0, 0, 1, 1]),
        valid=np.ones(4, bool),
        predicted=predicted,
        probabilities=np.eye(2, dtype=np.float32)[predicted],
    )


RIGHT, HALF, WRONG = (0, 0, 1, 1), (0, 1, 0, 1), (1, 1, 0, 0)


def test_the_best_inner_score_is_chosen_fold_by_fold():
    assert choose({"a": [0.5, 0.6], "b": [0.7, 0.2]}) == ["b", "a"]
    assert choose({"a": [0.5], "b": [0.5]}) == ["a"]
    with pytest.raises(ValueError, match="every outer fold"):
        choose({"a": [0.5, 0.6], "b": [0.7]})
    with pytest.raises(ValueError, match="at least one"):
        choose({})


def test_scores_are_means_over_seeds():
    scores = inner_scores({"a": [answers(RIGHT, HALF), answers(WRONG, HALF)]})
    assert scores == {"a": [0.75, 0.25]}


def test_outer_answers_do_not_decide():
    inner = {
        "fixed": [answers(HALF), answers(HALF)],
        "other": [answers(RIGHT), answers(WRONG)],
    }
    outer = {
        "fixed": [answers(RIGHT), answers(RIGHT)],
        "other": [answers(WRONG), answers(WRONG)],
    }
    choices, joined = nested(inner, outer, folds=["fold-x", "fold-y"], reference="fixed")
    assert [choice.variant for choice in choices] == ["other", "fixed"]
    assert [choice.fold for choice in choices] == ["fold-x", "fold-y"]
    assert [(c.inner_uar, c.outer_uar) for c in choices] == [(1, 0), (0.5, 1)]
    assert [(c.reference_inner_uar, c.reference_outer_uar) for c in choices] == [(0.5, 1)] * 2
    assert joined.predicted.tolist() == [[*WRONG, *RIGHT]]


def table(subjects, clips=6):
    ids = [f"{subject}_{i}" for subject in subjects for i in range(clips)]
    n = len(ids)
    return SplitTable(
        clip_ids=ids,
        labels=np.arange(n) % 2,
        valid=np.ones(n, bool),
        groups={"pose": np.arange(n, dtype=np.float32)[:, np.newaxis]},
        classes=("a", "b"),
        shapes={"pose": (1, 1)},
        metadata={},
        label_distributions=np.eye(2, dtype=np.float32)[np.arange(n) % 2],
    ), {
        name: SplitClip(name, place % 2, subject=name.split("_")[0])
        for place, name in enumerate(ids)
    }


def options(folds):
    return SplitOptions(protocol=GROUPED_K_FOLD, folds=folds, val_fraction=0.125, seed=1)


@pytest.mark.parametrize(("names", "folds"), [("abcd", 4), ("abcd", 10), ("abcdef", 3), ("abc", 3)])
def test_inner_folds_share_no_subject_and_test_each_clip_once(names, folds):
    whole, ties = table(names)
    divided = inner_parts(whole, ties, options=options(folds))
    assert len(divided) == min(folds, len(names))
    tested = [clip for parts in divided for clip in parts["test"].clip_ids]
    assert sorted(tested) == sorted(whole.clip_ids)
    for parts in divided:
        people = [{ties[clip].subject for clip in part.clip_ids} for part in parts.values()]
        assert all(people)
        assert sum(map(len, people)) == len(set.union(*people)) == len(names)
    values = dict(zip(whole.clip_ids, whole.groups["pose"], strict=True))
    for part in divided[0].values():
        for clip, value in zip(part.clip_ids, part.groups["pose"], strict=True):
            assert value == values[clip]
        np.testing.assert_array_equal(part.label_distributions.argmax(axis=1), part.labels)


def test_too_few_subjects_are_refused():
    whole, ties = table("ab")
    with pytest.raises(SplitError, match="add clips or set ablation"):
        inner_parts(whole, ties, options=options(4))


@pytest.mark.parametrize("kind", ["source", "take"])
def test_inner_folds_keep_together_what_is_known(kind):
    whole, ties = table("abcdef")
    ties = {
        name: SplitClip(name, clip.label, **{kind: clip.subject}) for name, clip in ties.items()
    }
    for parts in inner_parts(whole, ties, options=options(3)):
        names = [{getattr(ties[c], kind) for c in part.clip_ids} for part in parts.values()]
        assert sum(map(len, names)) == len(set.union(*names)) == 6
    # With nothing known, clips are divided one by one.
    alone = {name: SplitClip(name, clip.label) for name, clip in ties.items()}
    assert len(inner_parts(whole, alone, options=options(30))) == 30


def script(name):
    """Return the `main` of a script, loaded without running its last block."""
    return runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))["main"]


def test_scripts_choose_by_training_subjects_alone(tmp_path):
    """Two outer folds through both scripts; the noisy variant looks at what holds no class."""
    people = {"fold-a": "bcde", "fold-e": "abcd"}
    mlp = {"hidden": [8], "max_epochs": 15, "learning_rate": 0.01}
    inputs = {"noisy": ["landmarks"], "telling": ["blendshapes"]}
    inner, outer = ({name: [] for name in inputs} for _ in range(2))
    for number, (fold, names) in enumerate(people.items()):
        columns = toy(72, seed=number, signal=8.0)
        columns["subject"] = [names[i // 18] for i in range(72)]
        known = np.array(columns["subject"]) != names[0]
        parts = {
            part: write_split(
                tmp_path / f"{fold}-{part}.parquet",
                {k: np.array(v)[rows] for k, v in columns.items()},
            )
            for part, rows in (("train", known), ("val", ~known))
        }
        for name, groups in inputs.items():
            path = tmp_path / name / f"{fold}.parquet"
            script("fit_inner")(
                **{part: str(file) for part, file in parts.items()},
                predictions=[str(path)],
                options={**mlp, "inputs": groups},
                seeds=[0],
                folds=4,
                split={"val_fraction": 0.25, "allow_leaks": []},
                seed=1,
                threads=1,
            )
            found = read_predictions(path)
            assert sorted(found.clip_ids) == sorted(columns["clip_id"])
            inner[name].append([str(path)])
            outer[name].append([str(path)])
    files = {name: tmp_path / f"{name}.csv" for name in ("scores", "choices", "inner_table")}
    script("choose_variants")(
        inner=inner,
        outer=outer,
        manifest=str(tmp_path / "fold-a-train.parquet"),
        folds=list(people),
        reference="noisy",
        seed=0,
        **{name: str(path) for name, path in files.items()},
    )
    choices, inner_table, scores = (
        list(csv.DictReader(files[name].read_text().splitlines()))
        for name in ("choices", "inner_table", "scores")
    )
    assert [row["variant"] for row in choices] == ["telling"] * 2
    assert [row["fold"] for row in choices] == list(people)
    assert [row["variant"] for row in inner_table] == ["telling", "noisy"]
    assert float(inner_table[0]["mean"]) > float(inner_table[1]["mean"]) + 0.3
    assert {row["variant"] for row in scores} == {"noisy", "chosen by inner folds"}
