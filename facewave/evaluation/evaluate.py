"""Score the predictions of a model over all folds, beside a baseline that sees no face.

A classifier stands beside the majority class of each fold's training part, a regression beside its
mean.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.evaluation.metrics import evaluate, evaluate_regression, majority_predictions
from facewave.evaluation.predictions import (
    INVALID_ANSWER,
    Predictions,
    RegressionPredictions,
    read_predictions,
)
from facewave.evaluation.resampling import score_intervals
from facewave.splits.read import SplitTable, read_split, read_subjects
from facewave.storage.store import file_sha256

_FOLD_SCORES = ("uar", "war", "macro_f1")

Test = TypeVar("Test", Predictions, RegressionPredictions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold(Generic[Test]):
    """What a model predicted for the test part of one fold, and the labels that it learned from.

    Attributes:
        name: for messages and the table of folds.
        test: predictions of the test part only.
        train_labels: int64 (m,), of all clips of the training part.
        subjects: the person of each test clip, None where it is not known; empty where they were
            not read.
    """

    name: str
    test: Test
    train_labels: NDArray[np.int64]
    subjects: tuple[str | None, ...] = ()


def read_folds(
    predictions: Sequence[str | Path],
    train_splits: Sequence[str | Path],
    *,
    names: Sequence[str] | None = None,
    test_splits: Sequence[str | Path] | None = None,
) -> list[Fold[Any]]:
    """Read the folds of an evaluation.

    Args:
        predictions: predictions file of each fold.
        train_splits: training part of each fold, in the same order; only its labels are read.
        names: of the folds; None: their numbers, from 1.
        test_splits: test part of each fold, read for the subjects; None: they are not needed.

    Raises:
        ValueError: the files do not fit together, or a test clip was trained on.
    """
    names = names or [str(number) for number in range(1, len(predictions) + 1)]
    if not predictions or not len(predictions) == len(train_splits) == len(names):
        raise ValueError(
            f"{len(predictions)} prediction files, {len(train_splits)} training parts and "
            f"{len(names)} names: expected one of each per fold, and at least one fold"
        )
    tests: Sequence[str | Path | None] = test_splits or [None] * len(names)
    if len(tests) != len(names):
        raise ValueError(f"{len(tests)} test parts for {len(names)} folds: expected one per fold")
    return [
        _read_fold(name, Path(answers), Path(split), None if part is None else Path(part))
        for name, answers, split, part in zip(names, predictions, train_splits, tests, strict=True)
    ]


def _read_fold(name: str, answers: Path, split: Path, test_split: Path | None) -> Fold[Any]:
    test = read_predictions(answers).of_part("test")
    train = read_split(split, groups=())
    if isinstance(test, Predictions):
        _check_classes(test, train, answers, split)
    _check_leak(test.clip_ids, train, answers, split)
    subjects: tuple[str | None, ...] = ()
    if test_split is not None:
        known = read_subjects(test_split)
        subjects = tuple(known.get(clip_id) for clip_id in test.clip_ids)
    return Fold(name=name, test=test, train_labels=train.labels, subjects=subjects)


def _check_classes(test: Predictions, train: SplitTable, answers: Path, split: Path) -> None:
    if not test.clip_ids:
        raise ValueError(
            f"{answers}: no test clip to score: choose another split.protocol or add clips"
        )
    if tuple(name for name in test.classes if name != INVALID_ANSWER) != train.classes:
        raise ValueError(f"{answers} and {split} have different classes: train the model again")


def _check_leak(clip_ids: Sequence[str], train: SplitTable, answers: Path, split: Path) -> None:
    seen = sorted(set(clip_ids) & set(train.clip_ids))
    if seen:
        raise ValueError(
            f"{answers}: {len(seen)} test clips are in the training part {split}, such as "
            f"{seen[0]!r}: their score would mean nothing"
        )


def evaluate_folds(folds: Sequence[Fold[Any]], *, seed: int = 0) -> dict[str, Any]:
    """Score the test clips of all folds, pooled and, of classes, fold by fold.

    Every clip counts, the ones without features too (`overall`); `valid_only` drops them and is
    null where none is left. `majority_class` predicts each fold's most frequent training class.

    Args:
        folds: with test clips of their own, all of classes or all of values.
        seed: of the confidence intervals.

    Returns:
        plain values.

        Of classes: `overall`, `valid_only`, `majority_class` (see `Metrics.to_json`), `n_invalid`,
        `classes`, `folds` (n and scores of each) and, of several folds, `fold_mean` and `fold_std`
        (sample standard deviation), else null; `bootstrap`, the confidence intervals of `overall`
        (see `facewave.evaluation.resampling.score_intervals`). Of a model that answers in words of
        its own also `invalid_rate`, the fraction of its answers that name no class: they are wrong.

        Of values: `targets`, the scores of each target (see `RegressionMetrics`),
        `mean_of_training`, those of always predicting the training part's mean, `n`, `n_invalid`.

    Raises:
        ValueError: classes or targets differ, no clip is tested, or one is tested in two folds.
    """
    first = folds[0]
    for fold in folds:
        if fold.test.names != first.test.names:
            raise ValueError(
                f"fold {fold.name!r} has other classes or targets than fold {first.name!r}: train "
                "all folds again"
            )
    clips = Counter(itertools.chain.from_iterable(fold.test.clip_ids for fold in folds))
    if not clips:
        raise ValueError("no test clip has a target: nothing to score")
    clip, count = clips.most_common(1)[0]
    if count > 1:
        raise ValueError(f"clip {clip!r} is tested {count} times: the folds overlap")
    if isinstance(first.test, Predictions):
        return _score_classes(folds, seed=seed)
    return _score_values(folds)


def _score_classes(folds: Sequence[Fold[Predictions]], *, seed: int) -> dict[str, Any]:
    classes = folds[0].test.classes
    y_true = np.concatenate([fold.test.labels for fold in folds])
    y_pred = np.concatenate([fold.test.predicted for fold in folds])
    valid = np.concatenate([fold.test.valid for fold in folds])
    majority = [
        majority_predictions(fold.train_labels, n=fold.test.labels.size, n_classes=len(classes))
        for fold in folds
    ]
    table = [_fold_row(fold, baseline) for fold, baseline in zip(folds, majority, strict=True)]
    scores: dict[str, Any] = {
        "classes": list(classes),
        "overall": evaluate(y_true, y_pred, classes=classes).to_json(),
        "valid_only": evaluate(y_true[valid], y_pred[valid], classes=classes).to_json()
        if valid.any()
        else None,
        "n_invalid": int((~valid).sum()),
        "majority_class": evaluate(y_true, np.concatenate(majority), classes=classes).to_json(),
        "folds": table,
        "fold_mean": _across(table, np.mean),
        "fold_std": _across(table, lambda scores: np.std(scores, ddof=1)),
        "bootstrap": score_intervals(
            y_true, y_pred, n_classes=len(classes), seed=seed, subjects=_subjects(folds)
        ),
    }
    if classes[-1] == INVALID_ANSWER:
        scores["invalid_rate"] = float((y_pred == len(classes) - 1).mean())
    return scores


def _subjects(folds: Sequence[Fold[Predictions]]) -> list[str | None] | None:
    if not all(fold.subjects for fold in folds):
        return None
    return [subject for fold in folds for subject in fold.subjects]


def _fold_row(fold: Fold[Predictions], majority: NDArray[np.int64]) -> dict[str, Any]:
    labels, classes = fold.test.labels, fold.test.classes
    scores = evaluate(labels, fold.test.predicted, classes=classes)
    baseline = evaluate(labels, majority, classes=classes)
    return {
        "name": fold.name,
        "n": scores.n,
        **{name: getattr(scores, name) for name in _FOLD_SCORES},
        "majority_uar": baseline.uar,
        "majority_war": baseline.war,
    }


def _across(
    table: Sequence[Mapping[str, Any]], statistic: Callable[[list[float]], Any]
) -> dict[str, float] | None:
    if len(table) < 2:
        return None
    return {name: float(statistic([row[name] for row in table])) for name in _FOLD_SCORES}


def _score_values(folds: Sequence[Fold[RegressionPredictions]]) -> dict[str, Any]:
    truth = np.concatenate([fold.test.truth for fold in folds])
    answers = {
        "targets": np.concatenate([fold.test.predicted for fold in folds]),
        "mean_of_training": np.concatenate([fold.test.baseline for fold in folds]),
    }
    targets = folds[0].test.targets
    return {
        **{
            name: [asdict(score) for score in evaluate_regression(truth, values, names=targets)]
            for name, values in answers.items()
        },
        "n": len(truth),
        "n_invalid": sum(int((~fold.test.valid).sum()) for fold in folds),
    }


def provenance(folds: Sequence[Fold[Any]], inputs: Iterable[str | Path]) -> dict[str, Any]:
    """Return where the scores come from.

    Args:
        folds: as read.
        inputs: every file that was read.

    Returns:
        `facewave` (version), `seeds` and `models` of the folds' predictions (null where a file
        does not say), `sha256` of each input by its path as given.
    """
    return {
        "facewave": __version__,
        "seeds": [fold.test.metadata.get("seed") for fold in folds],
        "models": [fold.test.metadata.get("model") for fold in folds],
        "sha256": {str(path): file_sha256(Path(path)) for path in inputs},
    }
