from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.jobs.log import job_log
from facewave.report.page import write_report
from facewave.splits.partition import PARTS


def main(
    *,
    html: str,
    quality: str,
    dataset: str,
    manifest: str,
    tracks: Sequence[str],
    features: Sequence[str],
    parts: Mapping[str, Sequence[str]],
    training: Sequence[str],
    metrics: str,
    models: Mapping[str, str],
    ablation: str | None,
    text_fusion: str | None,
    folds: Sequence[str],
    store: str,
    config: Mapping[str, Any],
    adapter: str,
    commit: str | None,
    review_thumbnails: int,
    near_duplicates: Sequence[str] = (),
    compared: Sequence[str] = (),
    joined: Sequence[str] = (),
    confusions: Mapping[str, str],
    confused_clips: int,
    explanation: Sequence[str],
) -> None:
    """Write the report of a dataset; `parts` and `training` have a file a fold."""
    files = zip(*(parts[part] for part in PARTS), strict=True)
    write_report(
        output=Path(html),
        quality_csv=Path(quality),
        dataset=dataset,
        manifest=Path(manifest),
        track_indexes=[Path(path) for path in tracks],
        feature_indexes=[Path(path) for path in features],
        store=Path(store),
        splits={
            fold: {part: Path(path) for part, path in zip(PARTS, paths, strict=True)}
            for fold, paths in zip(folds, files, strict=True)
        },
        training={fold: Path(path) for fold, path in zip(folds, training, strict=True)},
        metrics_json=Path(metrics),
        models={title: Path(path) for title, path in models.items()},
        ablation=Path(ablation) if ablation else None,
        text_fusion=Path(text_fusion) if text_fusion else None,
        config=config,
        adapter=adapter,
        commit=commit,
        review_thumbnails=review_thumbnails,
        near_duplicates=Path(near_duplicates[0]) if near_duplicates else None,
        compared=compared,
        joined=joined,
        confusions={name: Path(path) for name, path in confusions.items()},
        confused_clips=confused_clips,
        explanation=[Path(path) for path in explanation],
    )


if __name__ == "__main__":
    with job_log(snakemake.log[0]):
        main(
            html=snakemake.output.html,
            quality=snakemake.output.quality,
            dataset=snakemake.params.dataset,
            manifest=snakemake.input.manifest,
            tracks=list(snakemake.input.tracks),
            features=list(snakemake.input.features),
            parts={part: list(snakemake.input[part]) for part in PARTS},
            training=list(snakemake.input.training),
            metrics=snakemake.input.metrics,
            models=dict(zip(snakemake.params.models, snakemake.input.models, strict=True)),
            ablation=next(iter(snakemake.input.ablation), None),
            text_fusion=next(iter(snakemake.input.text_fusion), None),
            folds=snakemake.params.folds,
            store=str(snakemake.params.store),
            config=snakemake.params.config,
            adapter=snakemake.params.adapter,
            commit=snakemake.params.commit,
            review_thumbnails=snakemake.params.review_thumbnails,
            near_duplicates=list(snakemake.input.near_duplicates),
            compared=snakemake.params.compared,
            joined=snakemake.params.joined,
            confusions={
                "clips": snakemake.input.confused_clips,
                "classes": snakemake.input.confused_classes,
            },
            confused_clips=snakemake.params.confused_clips,
            explanation=list(snakemake.input.explanation),
        )
