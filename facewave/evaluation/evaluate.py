"""Score the predictions of a model over all folds, beside the majority class."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from facewave import __version__
from facewave.evaluation.bootstrap import bootstrap
from facewave.evaluation.metrics import Metrics, evaluate, evaluate_majority, majority_predictions
from facewave.evaluation.predictions import INVALID_ANSWER, Predictions, read_predictions
from facewave.splits.read import SplitTable, read_split, read_subjects
from facewave.storage.atomic import atomic_path
from facewave.storage.store import file_sha256

_FOLD_SCORES = ("uar", "war", "macro_f1")


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The test answers of one fold and the labels that the model learned from.

    Attributes:
        name: for messages and the table of folds.
        test: predictions of the test part only.
        train_labels: int64 (m,), of all clips of the training part.
        subjects: the person of each test clip, None where it is not known; empty where nobody
            asked.
    """

    name: str
    test: Predictions
    train_labels: NDArray[np.int64]
    subjects: tuple[str | None, ...] = ()


def read_folds(
    predictions: Sequence[str | Path],
    train_splits: Sequence[str | Path],
    *,
    names: Sequence[str] | None = None,
    test_splits: Sequence[str | Path] | None = None,
) -> list[Fold]:
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
            f"{len(names)} names: there must be one of each for every fold, and a fold at least"
        )
    tests: Sequence[str | Path | None] = test_splits or [None] * len(names)
    if len(tests) != len(names):
        raise ValueError(f"{len(tests)} test parts for {len(names)} folds: there must be one each")
    return [
        _read_fold(name, Path(answers), Path(split), None if part is None else Path(part))
        for name, answers, split, part in zip(names, predictions, train_splits, tests, strict=True)
    ]


def _read_fold(name: str, answers: Path, split: Path, test_split: Path | None) -> Fold:
    test = read_predictions(answers).of_part("test")
    train = read_split(split, groups=())
    if not test.clip_ids:
        raise ValueError(
            f"{answers}: no test clip to score: choose another split.protocol or add clips"
        )
    if tuple(name for name in test.classes if name != INVALID_ANSWER) != train.classes:
        raise ValueError(f"{answers} and {split} have different classes")
    _check_leak(test, train, answers, split)
    subjects: tuple[str | None, ...] = ()
    if test_split is not None:
        known = read_subjects(test_split)
        subjects = tuple(known.get(clip_id) for clip_id in test.clip_ids)
    return Fold(name=name, test=test, train_labels=train.labels, subjects=subjects)


def _check_leak(test: Predictions, train: SplitTable, answers: Path, split: Path) -> None:
    seen = sorted(set(test.clip_ids) & set(train.clip_ids))
    if seen:
        raise ValueError(
            f"{answers}: {len(seen)} test clips are in the training part {split}, such as "
            f"{seen[0]!r}: their score would mean nothing"
        )


def evaluate_folds(folds: Sequence[Fold], *, seed: int = 0) -> dict[str, Any]:
    """Score the test clips of all folds, pooled and fold by fold.

    Every clip counts, the ones without features too (`overall`); `valid_only` drops them and is
    null where none is left. `majority_class` answers each fold's most frequent training class.

    Args:
        folds: as read.
        seed: of the samples behind the confidence intervals.

    Returns:
        plain values: `overall`, `valid_only`, `majority_class` (see `Metrics.to_json`),
        `n_invalid`, `classes`, `folds` (n and scores of each) and, of several folds, `fold_mean`
        and `fold_std` (sample standard deviation), else null; `bootstrap`, the confidence
        intervals of `overall` (see `facewave.evaluation.bootstrap.bootstrap`). Of a model that answers in
        words of its own also `invalid_rate`, the share of its answers that name no class: they
        are wrong.

    Raises:
        ValueError: class lists differ or a clip is tested in two folds.
    """
    classes = folds[0].test.classes
    _check_folds(folds, classes)
    y_true = np.concatenate([fold.test.labels for fold in folds])
    y_pred = np.concatenate([fold.test.predicted for fold in folds])
    valid = np.concatenate([fold.test.valid for fold in folds])
    majority = np.concatenate(
        [
            majority_predictions(
                fold.train_labels, n=len(fold.test.clip_ids), n_classes=len(classes)
            )
            for fold in folds
        ]
    )
    table = [_fold_row(fold) for fold in folds]
    scores: dict[str, Any] = {
        "classes": list(classes),
        "overall": evaluate(y_true, y_pred, classes=classes).to_json(),
        "valid_only": evaluate(y_true[valid], y_pred[valid], classes=classes).to_json()
        if valid.any()
        else None,
        "n_invalid": int((~valid).sum()),
        "majority_class": evaluate(y_true, majority, classes=classes).to_json(),
        "folds": table,
        "fold_mean": _across(table, np.mean),
        "fold_std": _across(table, lambda scores: np.std(scores, ddof=1)),
        "bootstrap": bootstrap(
            y_true, y_pred, n_classes=len(classes), seed=seed, subjects=_subjects(folds)
        ),
    }
    if classes[-1] == INVALID_ANSWER:
        scores["invalid_rate"] = float((y_pred == len(classes) - 1).mean())
    return scores


def _subjects(folds: Sequence[Fold]) -> list[str | None] | None:
    if not all(fold.subjects for fold in folds):
        return None
    return [subject for fold in folds for subject in fold.subjects]


def _check_folds(folds: Sequence[Fold], classes: Sequence[str]) -> None:
    for fold in folds:
        if fold.test.classes != classes:
            raise ValueError(f"fold {fold.name!r} has other classes than fold {folds[0].name!r}")
    clips = Counter(itertools.chain.from_iterable(fold.test.clip_ids for fold in folds))
    clip, count = clips.most_common(1)[0]
    if count > 1:
        raise ValueError(f"clip {clip!r} is tested {count} times: the folds overlap")


def _fold_row(fold: Fold) -> dict[str, Any]:
    scores = evaluate(fold.test.labels, fold.test.predicted, classes=fold.test.classes)
    majority = evaluate_majority(fold.train_labels, fold.test.labels, classes=fold.test.classes)
    return {
        "name": fold.name,
        "n": scores.n,
        **{name: getattr(scores, name) for name in _FOLD_SCORES},
        "majority_uar": majority.uar,
        "majority_war": majority.war,
    }


def _across(
    table: Sequence[Mapping[str, Any]], statistic: Callable[[list[float]], Any]
) -> dict[str, float] | None:
    if len(table) < 2:
        return None
    return {name: float(statistic([row[name] for row in table])) for name in _FOLD_SCORES}


def provenance(folds: Sequence[Fold], inputs: Iterable[str | Path]) -> dict[str, Any]:
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


def draw_confusion(path: Path, metrics: Metrics | Mapping[str, Any], *, title: str) -> None:
    """Draw a confusion matrix as PNG, atomically.

    Colours are shares of a row (of the true class), the numbers are clips; a class without a clip
    stays white. Equal input gives equal bytes with the same matplotlib.

    Args:
        path: the picture.
        metrics: of `evaluate`, or its JSON form.
        title: a line above, to which UAR, WAR and the number of clips are added.
    """
    content = metrics.to_json() if isinstance(metrics, Metrics) else metrics
    names = [entry["name"] for entry in content["per_class"]]
    counts = np.array(content["confusion"], dtype=np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    side = 2.6 + 0.62 * len(names)
    figure = Figure(figsize=(side + 0.8, side), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the true class", shrink=0.8)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.65 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    ticks = range(len(names))
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(
        f"{title}\nUAR {content['uar']:.1%}, WAR {content['war']:.1%}, {content['n']} clips",
        fontsize=10,
    )
    with atomic_path(path) as temporary:
        # Without the version of matplotlib in the file, as equal pictures should be equal files.
        figure.savefig(temporary, dpi=150, metadata={"Software": None})
