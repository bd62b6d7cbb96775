"""The linear model beside the MLP: logistic regression on what the network's layers take."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from facewave.mlp.model import TrainedMlp
from facewave.mlp.options import FEWEST_DIRECTIONS
from facewave.mlp.parts import without_features
from facewave.mlp.projection import ClipValues, fit_projection
from facewave.mlp.width import balanced_loss
from facewave.splits.read import SplitTable

# Inverse strengths of the L2 penalty that are tried, the strongest penalty first.
PENALTIES = tuple(float(c) for c in np.logspace(-5, 1, 7))
_MOST_STEPS = 300

_log = logging.getLogger("facewave.train_mlp")


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearAnswers:
    """What the linear model answers.

    Attributes:
        c: the inverse strength of the penalty that was chosen, one of `PENALTIES`.
        probabilities: `val` and `test` to float32 (n, C).
    """

    c: float
    probabilities: Mapping[str, NDArray[np.float32]]


def fit_linear(
    model: TrainedMlp, parts: Mapping[str, SplitTable], *, threads: int = 1
) -> LinearAnswers:
    """Fit logistic regressions on a trained MLP's inputs; choose the penalty by validation.

    The clips are standardised and projected as for the MLP (the plain one, which has no projection:
    on 192 principal directions of each group) and weighted by class as in its training; with
    `fusion.refit` the chosen model is fitted again on training and validation part together. Of
    several penalties the one with the lowest cross entropy, a mean over the classes, is chosen.

    Args:
        model: the MLP of the same training part.
        parts: `train`, `val` and `test`.
        threads: of the linear algebra.
    """
    values = _values(model, parts)
    labels = {name: table.labels[table.valid] for name, table in parts.items()}
    fusion = model.options.fusion
    losses, seen = {}, {}
    with threadpool_limits(threads):
        for c in PENALTIES:
            fitted = _fit(model, values["train"], labels["train"], c)
            seen[c] = _answers(model, fitted, parts["val"], values["val"])
            losses[c] = balanced_loss(seen[c], parts["val"])
        # `min` returns the first of equals: the stronger penalty.
        best = min(losses, key=losses.__getitem__)
        learned = ("train", "val") if fusion and fusion.refit else ("train",)
        fitted = _fit(
            model,
            np.concatenate([values[name] for name in learned]),
            np.concatenate([labels[name] for name in learned]),
            best,
        )
        tested = _answers(model, fitted, parts["test"], values["test"])
    _log.info("linear model: C %g, validation loss %.4f", best, losses[best])
    return LinearAnswers(c=best, probabilities={"val": seen[best], "test": tested})


def _values(model: TrainedMlp, parts: Mapping[str, SplitTable]) -> dict[str, NDArray[np.float32]]:
    """Return float32 (valid clips, q) of each part; the columns' mean variance is 1."""
    inputs, projection = model.options.inputs, model.network.projection
    if projection is None:
        train = parts["train"]
        projection = fit_projection(
            train,
            inputs,
            np.flatnonzero(train.valid),
            scaler=model.scaler,
            width=FEWEST_DIRECTIONS,
            swap=None,
            seed=model.seed,
        )
    # Each projected group has a total variance of 1.
    scale = np.float32(np.sqrt(projection.out_features / len(inputs)))
    found = {}
    for name, table in parts.items():
        values = ClipValues(table, inputs, scaler=model.scaler, projection=projection)
        found[name] = np.concatenate([chunk.numpy() for chunk in values.in_order()]) * scale
    return found


def _fit(
    model: TrainedMlp, values: NDArray[np.float32], labels: NDArray[np.int64], c: float
) -> Any:
    # Only here: what reads this module would wait for scikit-learn a second or two.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    weights = "balanced" if model.options.class_weights == "balanced" else None
    regression = LogisticRegression(C=c, class_weight=weights, max_iter=_MOST_STEPS)
    with warnings.catch_warnings():
        # What has not converged has a weak penalty; validation decides whether that is good enough.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return regression.fit(values, labels)


def _answers(
    model: TrainedMlp, fitted: Any, table: SplitTable, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the probabilities (n, C) of all clips of a part, those without features too."""
    nothing = without_features(model.prior.numpy(), model.options.class_weights)
    answers = np.tile(nothing, (len(table), 1))
    if len(values):
        known = np.zeros((len(values), len(model.classes)), np.float32)
        known[:, fitted.classes_] = fitted.predict_proba(values)
        answers[table.valid] = known
    return answers
