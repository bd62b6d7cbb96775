"""Score the predictions of a model over all folds, beside a baseline that sees no face.

A classifier stands beside the majority class of each fold's training part, a regression beside its
mean.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from facewave import __version__
from facewave.evaluation.metrics import (
    evaluate,
    majority_predictions,
    mean_metrics,
)
from facewave.evaluation.operating_points import operating_points
from facewave.evaluation.predictions import (
    INVALID_ANSWER,
    Predictions,
    RegressionPredictions,
    read_predictions,
)
from facewave.evaluation.regression import score_target
from facewave.evaluation.resampling import score_intervals
from facewave.evaluation.units import Origin, Units, join_windows, units_of, videos_of
from facewave.splits.read import SplitTable, read_split
from facewave.storage.store import file_sha256

_SCORES = ("uar", "war", "macro_f1")

Test = TypeVar("Test", Predictions, RegressionPredictions)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold(Generic[Test]):
    """What a model predicted for the test part of one fold, and the labels that it learned from.

    Attributes:
        name: for messages and the table of folds.
        test: predictions of the test part only, of the first seed.
        train_labels: int64 (m,), of all clips of the training part.
        other_seeds: predictions of the same clips by trainings that differ in their seed alone.
    """

    name: str
    test: Test
    train_labels: NDArray[np.int64]
    other_seeds: tuple[Test, ...] = ()

    @property
    def tests(self) -> tuple[Test, ...]:
        """The predictions of all seeds."""
        first: tuple[Test, ...] = (self.test,)
        return first + self.other_seeds


def read_folds(
    predictions: Sequence[str | Path],
    train_splits: Sequence[str | Path],
    *,
    names: Sequence[str] | None = None,
) -> list[Fold[Any]]:
    """Read the folds of an evaluation.

    Args:
        predictions: predictions files, fold after fold, in each of them one per seed.
        train_splits: training part of each fold, in the same order; only its labels are read.
        names: of the folds; None: their numbers, from 1.

    Raises:
        ValueError: the files do not fit together, or a test clip was trained on.
    """
    names = names or [str(number) for number in range(1, len(train_splits) + 1)]
    seeds, rest = divmod(len(predictions), max(1, len(names)))
    if not seeds or rest or len(train_splits) != len(names):
        raise ValueError(
            f"{len(predictions)} prediction files, {len(train_splits)} training parts and "
            f"{len(names)} names: expected for each fold one part and as many files as for every "
            "other fold, and at least one fold"
        )
    return [
        _read_fold(name, predictions[place * seeds : (place + 1) * seeds], Path(split))
        for place, (name, split) in enumerate(zip(names, train_splits, strict=True))
    ]


def _read_fold(name: str, answers: Sequence[str | Path], split: Path) -> Fold[Any]:
    tests = [read_predictions(path).of_part("test") for path in answers]
    train = read_split(split, groups=())
    for path, test in zip(map(Path, answers), tests, strict=True):
        if isinstance(test, Predictions):
            _check_classes(test, train, path, split)
        _check_leak(test.clip_ids, train, path, split)
        if test.clip_ids != tests[0].clip_ids:
            raise ValueError(f"{path}: holds other clips than {answers[0]}: train the model again")
    return Fold(name=name, test=tests[0], train_labels=train.labels, other_seeds=tuple(tests[1:]))


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


def evaluate_folds(
    folds: Sequence[Fold[Any]],
    *,
    origins: Mapping[str, Origin] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Score the test clips of all folds, pooled and, of classes, fold by fold.

    Every clip counts, the ones without features too (`overall`); `valid_only` drops them and is
    null where none is left. `majority_class` predicts each fold's most frequent training class.

    Of several seeds all scores, counts of the confusion matrix too, are means over the seeds.

    Args:
        folds: with test clips of their own, all of classes or all of values.
        origins: of the clips, from `facewave.evaluation.units.read_origins`; None: not known.
        seed: of the confidence intervals.

    Returns:
        plain values.

        Of classes: `overall`, `valid_only`, `majority_class` (see `Metrics.to_json`), `n_invalid`,
        `classes`, `folds` (n and scores of each) and, of several folds, `fold_mean` and `fold_std`
        (sample standard deviation), else null; `seeds`: `n`, the UAR, WAR and macro-F1 of each
        (`values`) and their sample standard deviation (`std`, null for one seed); `bootstrap`, the
        confidence intervals of `overall` and over what they are (see
        `facewave.evaluation.resampling.score_intervals`). Where clips are windows of videos also
        `videos`, the same with the mean probabilities of a video's windows as its answer
        (`overall`, `seeds`, `bootstrap`), else null; `operating_points`, see
        `facewave.evaluation.operating_points`, null for models that do not say how they were
        trained. Of a model that answers in words of its own
        also `invalid_rate`, the fraction of its answers that name no class: they are wrong.

        Of values: `targets`, the scores of each target (see `RegressionMetrics`) with their `std`,
        `interval` and `against_mean` (see `facewave.evaluation.regression.score_target`);
        `mean_of_training`, the scores of always predicting the training part's mean; `n` and
        `n_invalid`, of the clips that have a target; `seeds` (`n`); and `folds`: of each its name,
        `n`, and `targets` and `mean_of_training` of those targets that are known in it.

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
        return _score_classes(folds, origins=origins or {}, seed=seed)
    return score_values(folds, origins=origins or {}, seed=seed)


def _score_classes(
    folds: Sequence[Fold[Predictions]], *, origins: Mapping[str, Origin], seed: int
) -> dict[str, Any]:
    classes = folds[0].test.classes
    labels = np.concatenate([fold.test.labels for fold in folds])
    answers = _of_seeds(folds, lambda test: test.predicted)
    valid = np.concatenate([fold.test.valid for fold in folds])
    clip_ids = [clip_id for fold in folds for clip_id in fold.test.clip_ids]
    units = units_of(clip_ids, origins)
    majority = [
        majority_predictions(fold.train_labels, n=fold.test.labels.size, n_classes=len(classes))
        for fold in folds
    ]
    table = [_fold_row(fold, baseline) for fold, baseline in zip(folds, majority, strict=True)]
    scores: dict[str, Any] = {
        "classes": list(classes),
        **_scored(labels, answers, classes=classes, units=units, seed=seed),
        "valid_only": mean_metrics(labels[valid], answers[:, valid], classes=classes)
        if valid.any()
        else None,
        "n_invalid": int((~valid).sum()),
        "majority_class": evaluate(labels, np.concatenate(majority), classes=classes).to_json(),
        "folds": table,
        "fold_mean": _across(table, np.mean),
        "fold_std": _across(table, lambda scores: np.std(scores, ddof=1)),
        "videos": None,
        "operating_points": operating_points([fold.tests for fold in folds]),
    }
    videos = videos_of(clip_ids, labels, origins)
    if videos is not None:
        _, first = np.unique(videos, return_index=True)
        probabilities = _of_seeds(folds, lambda test: test.probabilities)
        joined = [join_windows(own, valid, videos).argmax(axis=1) for own in probabilities]
        scores["videos"] = _scored(
            labels[first],
            np.stack(joined),
            classes=classes,
            units=units_of([clip_ids[row] for row in first], origins),
            seed=seed,
        )
    if classes[-1] == INVALID_ANSWER:
        scores["invalid_rate"] = float((answers == len(classes) - 1).mean())
    return scores


def _of_seeds(folds: Sequence[Fold[Test]], of: Callable[[Test], NDArray[Any]]) -> NDArray[Any]:
    """Return an array of the clips of all folds for each seed, (S, n, ...)."""
    seeds = zip(*(fold.tests for fold in folds), strict=True)
    return np.stack([np.concatenate([of(test) for test in tests]) for tests in seeds])


def _scored(
    labels: NDArray[np.int64],
    answers: NDArray[np.int64],
    *,
    classes: Sequence[str],
    units: Units,
    seed: int,
) -> dict[str, Any]:
    """Return the scores of answers (S, n), their spread over the seeds and their intervals."""
    single = [evaluate(labels, own, classes=classes) for own in answers]
    values = {name: [getattr(own, name) for own in single] for name in _SCORES}
    std = None
    if len(answers) > 1:
        std = {name: float(np.std(of, ddof=1)) for name, of in values.items()}
    return {
        "overall": mean_metrics(labels, answers, classes=classes),
        "seeds": {"n": len(answers), "values": values, "std": std},
        "bootstrap": score_intervals(
            labels, (answers == labels).mean(axis=0), units=units, seed=seed
        ),
    }


def _fold_row(fold: Fold[Predictions], majority: NDArray[np.int64]) -> dict[str, Any]:
    labels, classes = fold.test.labels, fold.test.classes
    answers = np.stack([test.predicted for test in fold.tests])
    scores = mean_metrics(labels, answers, classes=classes)
    baseline = evaluate(labels, majority, classes=classes)
    return {
        "name": fold.name,
        "n": scores["n"],
        **{name: scores[name] for name in _SCORES},
        "majority_uar": baseline.uar,
        "majority_war": baseline.war,
    }


def _across(
    table: Sequence[Mapping[str, Any]], statistic: Callable[[list[float]], Any]
) -> dict[str, float] | None:
    if len(table) < 2:
        return None
    return {name: float(statistic([row[name] for row in table])) for name in _SCORES}


def score_values(
    folds: Sequence[Fold[RegressionPredictions]], *, origins: Mapping[str, Origin], seed: int
) -> dict[str, Any]:
    """Score predicted values, see `evaluate_folds`.

    Raises:
        ValueError: no test clip has a target.
    """
    scored = _scored_targets(folds, origins=origins, seed=seed)
    if not scored:
        raise ValueError("no test clip has a target: nothing to score")
    known = [~np.isnan(fold.test.truth).all(axis=1) for fold in folds]
    rows = []
    for fold, own in zip(folds, known, strict=True):
        found = _scored_targets([fold], origins=origins, seed=seed, intervals=False)
        rows.append({"name": fold.name, "n": int(own.sum()), **_by_source(found)})
    return {
        **_by_source(scored),
        "n": sum(row["n"] for row in rows),
        "n_invalid": sum(
            int((own & ~fold.test.valid).sum()) for fold, own in zip(folds, known, strict=True)
        ),
        "seeds": {"n": len(folds[0].tests)},
        "folds": rows,
    }


def _scored_targets(
    folds: Sequence[Fold[RegressionPredictions]],
    *,
    origins: Mapping[str, Origin],
    seed: int,
    intervals: bool = True,
) -> list[dict[str, Any]]:
    """Return the scores of each target that a clip of these folds has."""
    clip_ids = [clip_id for fold in folds for clip_id in fold.test.clip_ids]
    truth = np.concatenate([fold.test.truth for fold in folds])
    baseline = np.concatenate([fold.test.baseline for fold in folds])
    answers = _of_seeds(folds, lambda test: test.predicted)
    found = []
    for place, name in enumerate(folds[0].test.targets):
        rows = np.flatnonzero(~np.isnan(truth[:, place]))
        if rows.size:
            found.append(
                score_target(
                    truth[rows, place],
                    answers[:, rows, place],
                    baseline[rows, place],
                    name=name,
                    units=units_of([clip_ids[row] for row in rows], origins) if intervals else None,
                    seed=seed,
                )
            )
    return found


def _by_source(scored: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    more = ("std", "interval", "against_mean")
    return {
        "targets": [
            {**own["model"], **{name: own[name] for name in more if name in own}} for own in scored
        ],
        "mean_of_training": [own["mean_of_training"] for own in scored],
    }


def provenance(folds: Sequence[Fold[Any]], inputs: Iterable[str | Path]) -> dict[str, Any]:
    """Return where the scores come from.

    Args:
        folds: as read.
        inputs: every file that was read.

    Returns:
        `facewave` (version), `seeds` of all predictions and `models` of the folds (null where a
        file does not say), `sha256` of each input by its path as given.
    """
    return {
        "facewave": __version__,
        "seeds": [test.metadata.get("seed") for fold in folds for test in fold.tests],
        "models": [fold.test.metadata.get("model") for fold in folds],
        "sha256": {str(path): file_sha256(Path(path)) for path in inputs},
    }
