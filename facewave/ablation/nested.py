"""Choose a variant by inner folds and test the choice on the outer one: nested cross-validation.

In each outer fold the variants are compared on the training clips alone, each of these tested once
by models that were not trained on it or on its subject; the variant with the highest UAR there is
the one whose answers for the outer test clips count. The score of such a choice is an estimate for
new subjects; the best of many scores on the test clips is not.

Reference: S. Varma, R. Simon, "Bias in error estimation when using cross-validation for model
selection", BMC Bioinformatics 7:91, 2006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from facewave.ablation.compare import Answers, join_folds
from facewave.splits.leaks import SplitClip, tied_groups
from facewave.splits.partition import GROUPED_K_FOLD, PARTS, SplitError, SplitOptions, assign_parts
from facewave.splits.partition import fold_names as protocol_folds
from facewave.splits.read import SplitTable
from facewave.storage.parquet import read_parquet


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The variant that was chosen in an outer fold; scores are means over seeds.

    Attributes:
        fold: the outer fold.
        variant: the one with the highest inner UAR; ties: the first that is listed.
        inner_uar: its UAR on the inner folds.
        outer_uar: its UAR on the outer fold's test part.
        reference_inner_uar, reference_outer_uar: those of the fixed variant to compare with.
    """

    fold: str
    variant: str
    inner_uar: float
    outer_uar: float
    reference_inner_uar: float
    reference_outer_uar: float


def read_ties(files: Sequence[str | Path]) -> dict[str, SplitClip]:
    """Read what ties the clips of some parts of a split together, by clip id.

    Raises:
        FileNotFoundError: there is no such file.
    """
    columns = ["clip_id", "label", "subject", "take", "source"]
    tables = [read_parquet(path, columns) for path in files]
    rows = pa.concat_tables([table.replace_schema_metadata() for table in tables]).to_pylist()
    return {row["clip_id"]: SplitClip(**row) for row in rows}


def inner_parts(
    table: SplitTable, ties: Mapping[str, SplitClip], *, options: SplitOptions
) -> list[dict[str, SplitTable]]:
    """Divide the training clips of an outer fold into inner folds.

    Clips of one subject, one source or one take, whatever is known of them, stay together.

    Args:
        table: the clips of the outer fold's training and validation part.
        ties: of each clip id.
        options: of `grouped_k_fold`; there are never more folds than groups of clips.

    Returns:
        `train`, `val` and `test` part of each inner fold; each clip is tested once.

    Raises:
        SplitError: too few groups (at least three: one to test, one to validate, one to train).
    """
    clips = [ties[clip_id] for clip_id in table.clip_ids]
    groups = len(tied_groups(clips, options.kept_together))
    options = replace(options, folds=min(options.folds, groups))
    divided = []
    for fold in protocol_folds(GROUPED_K_FOLD, [], folds=options.folds):
        try:
            part_of = assign_parts(clips, fold=fold, options=options)
        except SplitError as error:
            raise SplitError(
                f"{options.folds} inner folds of {len(clips)} clips in {groups} groups: each needs "
                "three parts that share no subject, source or take; add clips or set "
                f"ablation.inner_folds ({error})"
            ) from error
        parts = np.array([part_of[clip_id] for clip_id in table.clip_ids])
        divided.append({part: table.take(np.flatnonzero(parts == part)) for part in PARTS})
    return divided


def inner_scores(answers: Mapping[str, Sequence[Answers]]) -> dict[str, list[float]]:
    """Return the UAR of each variant in each outer fold, over all its inner folds.

    Args:
        answers: variant to the answers for the training clips of each outer fold.
    """
    return {name: [_uar(fold) for fold in folds] for name, folds in answers.items()}


def choose(scores: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the variant with the highest inner score in each outer fold.

    Args:
        scores: variant to its score in each outer fold; ties: the first one.

    Raises:
        ValueError: no variant, or different numbers of folds.
    """
    if not scores or len({len(folds) for folds in scores.values()}) != 1:
        raise ValueError(
            "every variant needs a score for every outer fold, and there must be at least one"
        )
    return [
        max(scores, key=lambda name: scores[name][fold])
        for fold in range(len(next(iter(scores.values()))))
    ]


def nested(
    inner: Mapping[str, Sequence[Answers]],
    outer: Mapping[str, Sequence[Answers]],
    *,
    folds: Sequence[str],
    reference: str,
) -> tuple[list[Choice], Answers]:
    """Choose in every outer fold and join the answers of the chosen variants.

    Args:
        inner: candidate to its answers for the training clips of each outer fold.
        outer: the same names to the answers for the test clips of each fold.
        folds: names of the outer folds.
        reference: the candidate that is reported beside the choices.

    Returns:
        one choice per outer fold, and the chosen variants' test answers over all of them.
    """
    scores = inner_scores(inner)
    chosen = choose(scores)
    choices = [
        Choice(
            fold=fold,
            variant=name,
            inner_uar=scores[name][place],
            outer_uar=_uar(outer[name][place]),
            reference_inner_uar=scores[reference][place],
            reference_outer_uar=_uar(outer[reference][place]),
        )
        for place, (fold, name) in enumerate(zip(folds, chosen, strict=True))
    ]
    return choices, join_folds([outer[name][place] for place, name in enumerate(chosen)])


def _uar(answers: Answers) -> float:
    return float(np.mean(answers.uar_by_seed()))
