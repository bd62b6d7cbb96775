"""Which of a dataset's targets (questionnaire scores, valence) a model predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facewave.messages import did_you_mean, listed


class TargetsError(ValueError):
    """There are no such targets; the message says what to do."""


def chosen_targets(
    section: Mapping[str, Any], known: Sequence[str], *, dataset: str
) -> tuple[str, ...]:
    """Return the names of the targets that a model predicts of a dataset; none for classes.

    Args:
        section: `vlm`, checked.
        known: names of the dataset's targets.
        dataset: its name, for messages.

    Raises:
        TargetsError: the dataset has no targets, or not those of `vlm.targets.columns`.
    """
    if section["head"] != "regression":
        return ()
    if not known:
        raise TargetsError(
            f"vlm.head: regression: the clips of {dataset} have no targets; expected "
            f"datasets.{dataset}.targets: {{table: scores.csv, columns: [valence]}} "
            "(docs/datasets.md)"
        )
    columns = (section["targets"] or {}).get("columns")
    for name in columns or ():
        if name not in known:
            raise TargetsError(
                f"vlm.targets.columns: found {name!r}, expected a target of {dataset} "
                f"({listed(known)}){did_you_mean(name, known)}"
            )
    return tuple(columns or known)
