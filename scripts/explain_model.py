"""What the trained MLP looks at: permutation importance over the test parts of all folds."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from facewave import __version__
from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.units import read_origins, units_of
from facewave.explain.importance_figure import draw_importance
from facewave.explain.permutation_importance import (
    FoldAnswers,
    Importance,
    explained_groups,
    importances,
    permuted_answers,
    trained_channels,
)
from facewave.jobs.log import job_log
from facewave.mlp.model import load_checkpoint
from facewave.splits.read import read_split
from facewave.storage.atomic import write_json
from facewave.storage.store import file_sha256
from facewave.storage.tables import write_rows


def main(
    *,
    checkpoints: Sequence[str],
    tests: Sequence[str],
    table: str,
    summary: str,
    figure: str,
    title: str,
    repeats: int,
    seed: int,
    threads: int,
) -> None:
    """Write the importances as CSV and JSON and draw them on a face (PNG).

    Args:
        checkpoints: model of each fold.
        tests: test part (Parquet) of each fold, in the same order.
        table, summary, figure: to write.
        title: of the image.
        repeats: permutations of each group of columns.
        seed: of permutations and intervals.
        threads: torch's threads.
    """
    models = [load_checkpoint(Path(path)) for path in checkpoints]
    groups = explained_groups(models[0])
    folds = [
        permuted_answers(
            model,
            read_split(test, groups=model.options.inputs),
            groups,
            repeats=repeats,
            seed=seed + number,
            threads=threads,
        )
        for number, (model, test) in enumerate(zip(models, tests, strict=True))
    ]
    clip_ids = [clip_id for fold in folds for clip_id in fold.clip_ids]
    units = units_of(clip_ids, read_origins(tests))
    found = importances(groups, folds, units=units, seed=seed)
    write_rows(Path(table), Importance, found)
    draw_importance(
        Path(figure),
        found,
        title=f"{title}, intervals over {units.count} {units.kind}",
        points=trained_channels(models[0]).points,
    )
    write_json(
        Path(summary),
        {
            **_scores(folds),
            "folds": len(folds),
            "unit": units.kind,
            "units": units.count,
            "repeats": repeats,
            "seed": seed,
            "facewave": __version__,
            "sha256": {path: file_sha256(Path(path)) for path in [*checkpoints, *tests]},
            "importance": [asdict(row) for row in found],
        },
    )


def _scores(folds: Sequence[FoldAnswers]) -> dict[str, float | int]:
    labels = [label for fold in folds for label in fold.labels.tolist()]
    predicted = [answer for fold in folds for answer in fold.predicted.tolist()]
    return {"clips": len(labels), "uar": unweighted_average_recall(labels, predicted)}


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            checkpoints=list(snakemake.input.checkpoints),
            tests=list(snakemake.input.tests),
            table=snakemake.output.table,
            summary=snakemake.output.summary,
            figure=snakemake.output.figure,
            title=snakemake.params.title,
            repeats=snakemake.params.repeats,
            seed=snakemake.params.seed,
            threads=snakemake.threads,
        )
