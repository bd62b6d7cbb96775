"""Choose a variant in every outer fold by its inner folds, and score the choices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from facewave.ablation.compare import Row, compare, join_folds, read_all_answers
from facewave.ablation.nested import Choice, inner_scores, nested
from facewave.evaluation.units import read_origins
from facewave.jobs.log import job_log
from facewave.storage.tables import write_csv, write_rows

# Names the choices in the table of scores, where the reference stands beside them.
_CHOSEN = "chosen by inner folds"


def main(
    *,
    inner: Mapping[str, Sequence[Sequence[str]]],
    outer: Mapping[str, Sequence[Sequence[str]]],
    manifest: str,
    folds: Sequence[str],
    reference: str,
    scores: str,
    choices: str,
    inner_table: str,
    seed: int,
) -> None:
    """Write the score of the choices, the choices, and the inner scores of all variants (CSV).

    Args:
        inner: for each variant and outer fold, one file per seed: predictions for the fold's
            training clips.
        outer: the same for the fold's test clips.
        manifest: of the dataset; says whose clips they are.
        folds: names of the outer folds.
        reference: the variant that is reported beside the choices.
        scores, choices, inner_table: to write.
        seed: of bootstrap and permutations.
    """
    trained, tested = read_all_answers(inner), read_all_answers(outer)
    chosen, answers = nested(trained, tested, folds=folds, reference=reference)
    fixed = join_folds(tested[reference])
    rows = compare(
        {reference: fixed, _CHOSEN: answers},
        reference=reference,
        origins=read_origins([manifest]),
        seed=seed,
    )
    write_rows(Path(scores), Row, rows)
    write_rows(Path(choices), Choice, chosen)
    _write_inner(Path(inner_table), inner_scores(trained), folds)


def _write_inner(path: Path, scores: Mapping[str, Sequence[float]], folds: Sequence[str]) -> None:
    """Write one row per variant, best first: mean of the inner UARs, then each outer fold's."""
    ranked = sorted(scores.items(), key=lambda item: -float(np.mean(item[1])))
    rows = [
        [name, *(f"{value:.4f}" for value in [np.mean(values), *values])] for name, values in ranked
    ]
    write_csv(path, ["variant", "mean", *folds], rows)


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            inner=snakemake.params.inner,
            outer=snakemake.params.outer,
            manifest=snakemake.input.manifest,
            folds=snakemake.params.folds,
            reference=snakemake.params.reference,
            scores=snakemake.output.scores,
            choices=snakemake.output.choices,
            inner_table=snakemake.output.inner,
            seed=snakemake.params.seed,
        )
