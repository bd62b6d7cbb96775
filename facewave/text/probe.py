"""How much a dataset's texts give away of the labels: a classifier that sees nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.text.words import TOKEN_PATTERN

# Shuffles of the labels, to see what the classifier scores where there is nothing to learn.
_SHUFFLES = 10
_WORDS_SHOWN = 8


def probe_texts(
    texts: Sequence[str],
    labels: Sequence[int],
    *,
    classes: Sequence[str],
    groups: Sequence[str | None] | None = None,
    seed: int,
    folds: int = 5,
) -> dict[str, Any]:
    """Return the cross-validated scores of TF-IDF and logistic regression on texts alone.

    Classes with fewer texts than folds are left out. Where every text has a group (a subject), the
    texts of one group are never in training and test at once.

    Args:
        texts: one per clip, none empty.
        labels: index of each text's class.
        classes: names of the classes.
        groups: of each text; None where it is not known.
        seed: of folds and shuffled labels.
        folds: of the cross-validation.

    Returns:
        `n`, `classes` (those probed), `left_out`, `grouped_by_subject`, `uar` and `war` of the
        probe, `chance_uar`, `shuffled_uar` and `shuffled_uar_std` over ten shuffles of the labels,
        `gives_away` (whether `uar` exceeds the shuffled one by more than three deviations, and by
        more than 0.02) and `words`, those with the largest weights for each class. Where the texts
        cannot be probed `uar` is null and `reason` takes the place of what follows.
    """
    counts = Counter(labels)
    kept = [index for index in range(len(classes)) if counts[index] >= folds]
    left_out = [name for i, name in enumerate(classes) if i not in kept and counts[i]]
    rows = [row for row, label in enumerate(labels) if label in kept]
    known = groups is not None and all(groups[row] is not None for row in rows)
    parts = [str(groups[row]) for row in rows] if known and groups is not None else None
    content: dict[str, Any] = {
        "n": len(rows),
        "classes": [classes[i] for i in kept],
        "left_out": left_out,
        "grouped_by_subject": parts is not None,
        "uar": None,
    }
    if len(kept) < 2 or (parts is not None and len(set(parts)) < folds):
        few_classes = f"too few classes with at least {folds} texts to probe"
        few_subjects = f"too few subjects for {folds} folds"
        return {**content, "reason": few_classes if len(kept) < 2 else few_subjects}
    chosen = [texts[row] for row in rows]
    right = np.array([labels[row] for row in rows])
    try:
        predicted = _predict(chosen, right, parts, seed=seed, folds=folds)
    except ValueError as error:
        return {**content, "reason": f"the texts cannot be probed: {error}"}
    random = np.random.default_rng(seed)
    shuffled = []
    for _ in range(_SHUFFLES):
        wrong = random.permutation(right)
        answers = _predict(chosen, wrong, parts, seed=seed, folds=folds)
        shuffled.append(unweighted_average_recall(wrong, answers))
    uar = unweighted_average_recall(right, predicted)
    mean, deviation = float(np.mean(shuffled)), float(np.std(shuffled, ddof=1))
    return {
        **content,
        "uar": uar,
        "war": float((right == predicted).mean()),
        "chance_uar": 1 / len(kept),
        "shuffled_uar": mean,
        "shuffled_uar_std": deviation,
        "gives_away": uar > mean + max(3 * deviation, 0.02),
        "words": _telling_words(chosen, right, classes),
    }


def _model() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN_PATTERN),
        LogisticRegression(class_weight="balanced", C=10.0, max_iter=1000),
    )


def _predict(
    texts: list[str],
    labels: NDArray[np.int64],
    groups: list[str] | None,
    *,
    seed: int,
    folds: int,
) -> NDArray[np.int64]:
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
    from threadpoolctl import threadpool_limits

    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    predicted = np.full(len(texts), -1)
    parts = kind(folds, shuffle=True, random_state=seed).split(texts, labels, groups)
    for train, test in parts:
        if len(set(labels[train])) < 2:
            raise ValueError("the training part of a fold has only one class")
        with threadpool_limits(1):
            model = _model().fit([texts[i] for i in train], labels[train])
        predicted[test] = model.predict([texts[i] for i in test])
    return predicted


def _telling_words(
    texts: list[str], labels: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, list[str]]:
    model = _model().fit(texts, labels)
    vectorizer, regression = model[0], model[1]
    names = vectorizer.get_feature_names_out()
    weights = regression.coef_
    if len(weights) == 1:
        weights = np.vstack([-weights[0], weights[0]])
    return {
        classes[label]: [str(names[i]) for i in np.argsort(-row)[:_WORDS_SHOWN]]
        for label, row in zip(regression.classes_, weights, strict=True)
    }
