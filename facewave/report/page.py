"""Assemble the page: what it is made of, what each section shows, and the Jinja environment."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from facewave.evaluation.paper_table import paper_rows
from facewave.evaluation.predictions import read_metadata
from facewave.evaluation.published import published_scores
from facewave.evaluation.units import read_origins
from facewave.features import haar
from facewave.report import figures
from facewave.report.clips import ReportClip, read_clips
from facewave.report.dataset import Fold, read_folds, read_look_alikes
from facewave.report.explanation import read_explanation
from facewave.report.provenance import VLM_PACKAGES, provenance
from facewave.report.quality_page import quality_content, review_content
from facewave.report.scores import (
    by_task,
    read_confusions,
    read_models,
    read_numbers,
    read_rows,
    read_scores,
)
from facewave.report.subgroups import SubgroupRow, by_kind, read_subgroups, write_subgroups
from facewave.report.templating import environment
from facewave.report.training import TrainingRun, read_training, training_words
from facewave.report.vlm_training import ModelFiles, clips_learned, read_shown
from facewave.report.wavelet import WaveletExample, wavelet_example
from facewave.splits.leaks import KINDS
from facewave.storage.atomic import write_text

_log = logging.getLogger("facewave")

# Pairs of clips that look alike.
_PAIRS = 50


class SharedFiles(Protocol):
    """What `shared_content` reads of the files of either page."""

    @property
    def store(self) -> Path:
        """Folder of the content-addressed store."""

    @property
    def near_duplicates(self) -> Path | None:
        """Pairs of clips that look alike; None: they were not looked for."""


@dataclass(frozen=True, kw_only=True)
class ReportFiles:
    """The files that a report is made of.

    Attributes:
        manifest: the manifest (Parquet).
        track_indexes, feature_indexes: of all buckets.
        store: folder of the content-addressed store.
        splits: fold to part to Parquet file; a protocol without folds has one entry.
        training: fold to `metrics.csv`.
        answers: fold to the MLP's predictions, which say how it was trained.
        scores: `metrics.json` of the MLP's test parts.
        confused_clips, confused_classes: tables of wrong answers, see
            `facewave.evaluation.confusions`.
        clip_table: all test clips, see `facewave.evaluation.clip_table`.
        models: title of another model to its files, of the same test parts.
        comparison: paired tests of the models against the MLP; None: they were not tested.
        ablations: name of a vision-language model to the comparison of what it sees.
        variants: comparison of variants of features and model; None: there is none.
        text_fusion: comparison of face and text, with the probe of the texts; None: there is none.
        near_duplicates: pairs of clips that look alike; None: they were not looked for.
        explanation: the files that `snakemake explain` has made.
    """

    manifest: Path
    track_indexes: Sequence[Path]
    feature_indexes: Sequence[Path]
    store: Path
    splits: Mapping[str, Mapping[str, Path]]
    training: Mapping[str, Path]
    answers: Mapping[str, Path]
    scores: Path
    confused_clips: Path
    confused_classes: Path
    clip_table: Path
    models: Mapping[str, ModelFiles]
    comparison: Path | None = None
    ablations: Mapping[str, Path] = field(default_factory=dict)
    variants: Path | None = None
    text_fusion: Path | None = None
    near_duplicates: Path | None = None
    explanation: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """What a report says beside what is in its files.

    Attributes:
        dataset: name of the dataset, a key of `datasets` in the configuration.
        config: the checked configuration, which is shown whole.
        commit: of the workflow's code; None where it is not known.
        compared: the datasets among which clips that look alike were looked for.
    """

    dataset: str
    config: Mapping[str, Any]
    commit: str | None
    compared: Sequence[str] = ()


def write_report(
    files: ReportFiles, settings: ReportSettings, *, html: Path, subgroups: Path
) -> None:
    """Write the report of a dataset; equal input gives equal bytes.

    The page holds everything it shows: no script, no file beside it, no address.

    Args:
        files: what is read.
        settings: what is said beside it.
        html: the page.
        subgroups: the scores of groups of clips (CSV), which the page shows too.

    Raises:
        ValueError: if the files do not belong together.
    """
    clips = read_clips(files.manifest, files.track_indexes, files.feature_indexes)
    content = report_content(files, settings, clips)
    write_subgroups(subgroups, [row for _, rows in content["subgroups"] for row in rows])
    page = environment().get_template("page.html").render(content)
    write_text(html, page)
    _log.info("%s: %d clips, %.1f MB", html, len(clips), len(page) / 1e6)


def report_content(
    files: ReportFiles, settings: ReportSettings, clips: Sequence[ReportClip]
) -> dict[str, Any]:
    """Return what the templates show, by name.

    Raises:
        ValueError: if the files do not belong together.
    """
    config = settings.config
    folds = read_folds(files.splits)
    scores = read_scores(files.scores)
    return {
        **shared_content(files, settings, clips, folds),
        **_training(read_training(files.training, files.answers)),
        **_evaluation(files, scores, config["datasets"][settings.dataset]["adapter"]),
        **_models(files, scores, folds),
        "random_weights": any("random weights" in title for title in files.models),
        "ablations": {name: read_rows(path) for name, path in files.ablations.items()},
        "variants": _json(files.variants),
        "subgroups": list(by_kind(subgroups_of(files, settings, clips))),
        "seed_std": scores["seeds"]["std"] or {},
        "text_fusion": _json(files.text_fusion),
        "confusions": read_confusions(
            files.confused_clips,
            files.confused_classes,
            shown=config["explanation"]["confused_clips"],
        ),
        "explanation": read_explanation(files.explanation),
        "provenance": provenance(
            config,
            folds,
            commit=settings.commit,
            more=VLM_PACKAGES if any(model.stage for model in files.models.values()) else {},
        ),
    }


def shared_content(
    files: SharedFiles, settings: ReportSettings, clips: Sequence[ReportClip], folds: Sequence[Fold]
) -> dict[str, Any]:
    """Return what the sections show that a page of classes and one of values have in common."""
    config = settings.config
    options = config["datasets"][settings.dataset]
    return {
        "dataset": settings.dataset,
        "synthetic": options["adapter"] == "demo",
        "clips": clips,
        **_dataset(clips, folds, config["split"]),
        **_look_alikes(
            files.near_duplicates, settings, [settings.dataset, *options.get("datasets", [])]
        ),
        **quality_content(clips, config["quality"]),
        **review_content(
            clips, store=files.store, thumbnails=config["report"]["review_thumbnails"]
        ),
        **_wavelet(wavelet_example(clips, store=files.store), config["wavelet"]["layout"]),
    }


def _models(files: ReportFiles, scores: Mapping[str, Any], folds: Sequence[Fold]) -> dict[str, Any]:
    """Return what the sections of the models beside the MLP show."""
    paths = {title: model.scores for title, model in files.models.items()}
    record = read_metadata(next(iter(files.answers.values()))).get("training", {})
    fusion = record.get("options", {}).get("fusion") or {}
    return {
        "models": by_task(read_models(scores, paths, files.comparison)),
        "numbers": read_numbers(paths),
        "learned": clips_learned(files.models, folds, refit=bool(fusion.get("refit"))),
        "shown_models": read_shown(files.models, list(files.splits)),
    }


def subgroups_of(
    files: ReportFiles, settings: ReportSettings, clips: Sequence[ReportClip]
) -> list[SubgroupRow]:
    """Return the scores of the subgroups of a dataset's test clips."""
    return read_subgroups(
        files.clip_table,
        clips,
        read_origins([files.manifest]),
        adapter=settings.config["datasets"][settings.dataset]["adapter"],
        seed=settings.config["seed"],
    )


def _json(path: Path | None) -> Any:
    return None if path is None else json.loads(path.read_text(encoding="utf-8"))


def _evaluation(files: ReportFiles, scores: Mapping[str, Any], adapter: str) -> dict[str, Any]:
    overall = scores["overall"]
    return {
        "scores": scores,
        "overall": overall,
        "majority": scores["majority_class"],
        "confusion": figures.confusion(scores["classes"], overall["confusion"]),
        "calibration": scores.get("calibration"),
        "interval": scores["bootstrap"],
        "linear": scores.get("linear"),
        "paper_rows": paper_rows(scores),
        "published": published_scores(adapter, scores["classes"]),
    }


def _dataset(
    clips: Sequence[ReportClip], folds: Sequence[Fold], split: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the section of the dataset shows: classes, parts, people."""
    classes = folds[0].classes
    subjects = {clip.subject for clip in clips if clip.subject is not None}
    total: Counter[str] = Counter()
    valid: Counter[str] = Counter()
    for clip in clips:
        total[clip.label] += 1
        valid[clip.label] += clip.valid
    single = folds[0].parts if len(folds) == 1 else {}
    bars: dict[str, Sequence[int]] = {"clips": [total[name] for name in classes]}
    if single:
        bars = {part: numbers.per_class for part, numbers in single.items()}
    return {
        "folds": folds,
        "several": len(folds) > 1,
        "protocol": split["protocol"],
        "kept_together": [kind for kind in KINDS if kind not in split["allow_leaks"]],
        "classes": classes,
        "class_counts": [(name, total[name], valid[name]) for name in classes],
        "single_split": single,
        "subjects": len(subjects),
        "without_subject": sum(clip.subject is None for clip in clips),
        "shared_subjects": max(fold.shared_subjects for fold in folds),
        "part_sizes": _part_sizes(folds),
        "class_figure": figures.class_bars(classes, bars),
    }


def _look_alikes(
    table: Path | None, settings: ReportSettings, datasets: Sequence[str]
) -> dict[str, Any]:
    """Return what the section of clips that look alike shows; None: they were not looked for."""
    pairs = None if table is None else read_look_alikes(table, datasets)
    return {
        "look_alikes": pairs,
        "shown_pairs": (pairs or [])[:_PAIRS],
        "compared": settings.compared,
    }


def _part_sizes(folds: Sequence[Fold]) -> dict[str, tuple[int, int]]:
    """Return the smallest and the largest number of clips of each part over the folds."""
    sizes = {part: [fold.parts[part].clips for fold in folds] for part in folds[0].parts}
    return {part: (min(counts), max(counts)) for part, counts in sizes.items()}


def _wavelet(example: WaveletExample | None, layout: str) -> dict[str, Any]:
    """Return what the section of the wavelet code shows of a clip; None: no clip is valid."""
    if example is None:
        return {"wavelet": None, "layout": layout, "decodable": layout in haar.LAYOUTS}
    return {
        "wavelet": example,
        "trace_figures": [
            (trace, figures.trajectory(example, trace), figures.code(example, trace))
            for trace in example.traces
        ],
    }


def _training(runs: Sequence[TrainingRun]) -> dict[str, Any]:
    return {
        "runs": runs,
        "training": training_words([run.record for run in runs]),
        "training_figures": [
            figures.training_curves(runs, quantity="loss", label="loss, nats"),
            figures.training_curves(runs, quantity="uar", label="UAR, %"),
        ],
    }
