"""Assemble the page: what is shown, in which order, with which pictures."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from facewave.evaluation.published import SOURCE, published_scores
from facewave.report import figures
from facewave.report.clips import ReportClip, read_clips, write_quality_csv
from facewave.report.collect import Fold, TrainingRun, read_folds, read_scores, read_training
from facewave.report.explanation import read_confusions, read_explanation
from facewave.report.look_alikes import read_look_alikes
from facewave.report.models import read_models, read_numbers, read_rows
from facewave.report.provenance import provenance
from facewave.report.review import (
    Measure,
    Review,
    example_clips,
    measures,
    note_counts,
    review_clips,
)
from facewave.report.thumbnails import make_thumbnail
from facewave.report.wavelet import WaveletExample, wavelet_example
from facewave.storage.atomic import atomic_path
from facewave.vlm.plan import TINY

_log = logging.getLogger("facewave")

_EXAMPLES = 6
# Kinds of reasons and notes that are counted on the page.
_KINDS = 20
# Pairs of clips that look alike.
_PAIRS = 50


def write_report(
    *,
    output: Path,
    quality_csv: Path,
    dataset: str,
    manifest: Path,
    track_indexes: Sequence[Path],
    feature_indexes: Sequence[Path],
    store: Path,
    splits: Mapping[str, Mapping[str, Path]],
    training: Mapping[str, Path],
    metrics_json: Path,
    config: Mapping[str, Any],
    adapter: str,
    commit: str | None,
    review_thumbnails: int,
    near_duplicates: Path | None = None,
    compared: Sequence[str] = (),
    joined: Sequence[str] = (),
    confusions: Mapping[str, Path] | None = None,
    confused_clips: int = 30,
    explanation: Sequence[Path] = (),
    models: Mapping[str, Path] | None = None,
    ablation: Path | None = None,
    text_fusion: Path | None = None,
) -> None:
    """Write the report of a dataset and its quality table; equal input gives equal bytes.

    The page holds everything it shows: no script, no file beside it, no address.

    Args:
        output: the HTML page.
        quality_csv: the quality of every clip.
        dataset: its name.
        manifest: the manifest (Parquet).
        track_indexes, feature_indexes: of all buckets.
        store: folder of the content-addressed store.
        splits: fold to part to Parquet file; a protocol without folds has one entry.
        training: fold to `metrics.csv`.
        metrics_json: scores of the test parts.
        models: title of another model to its scores of the same test parts; None for none.
        ablation: comparison of what a vision-language model is shown; None for none.
        text_fusion: comparison of face and text, with the probe of the texts; None for none.
        config: the checked configuration, shown whole.
        adapter: of the dataset.
        commit: of the workflow's code; None where it is not known.
        review_thumbnails: clips to review that get a picture, at most.
        near_duplicates: the table of pairs of clips that look alike; None where it was not made.
        compared: the datasets that it compares.
        joined: names of the datasets that a joint one joins.
        confusions: tables of wrong answers, see `facewave.report.explanation.read_confusions`.
        confused_clips: wrong answers that are listed, at most.
        explanation: the files of `snakemake explain` that there are.

    Raises:
        ValueError: if the artefacts do not belong together.
    """
    clips = read_clips(manifest, track_indexes, feature_indexes)
    write_quality_csv(quality_csv, clips)
    folds = read_folds(splits)
    scores = read_scores(metrics_json)
    content = {
        "dataset": dataset,
        "synthetic": adapter == "demo",
        "quality_file": quality_csv.name,
        "clips": clips,
        "folds": folds,
        "several": len(folds) > 1,
        "scores": scores,
        "overall": scores["overall"],
        "majority": scores["majority_class"],
        "confusion": figures.confusion(scores["classes"], scores["overall"]["confusion"]),
        "protocol": config["split"]["protocol"],
        "interval": scores["bootstrap"]["subjects"] or scores["bootstrap"]["clips"],
        "published": published_scores(adapter, scores["classes"]),
        "published_source": SOURCE,
        "models": read_models(scores, models or {}),
        "numbers": read_numbers(models or {}),
        "random_weights": config.get("vlm", {}).get("model") == TINY,
        "ablation_rows": read_rows(ablation),
        "text_fusion": json.loads(text_fusion.read_text(encoding="utf-8")) if text_fusion else None,
        **_dataset(clips, folds),
        **_look_alikes(near_duplicates, compared, [dataset, *joined]),
        **_quality(clips, config["quality"]),
        **_review(clips, store=store, pictures=review_thumbnails),
        **_wavelet(wavelet_example(clips, store=store)),
        **_training(read_training(training)),
        "confusions": read_confusions(confusions, shown=confused_clips),
        "explanation": read_explanation(explanation),
        "provenance": provenance(config, folds, commit=commit),
    }
    html = environment().get_template("page.html").render(content)
    with atomic_path(output) as temporary:
        temporary.write_text(html, encoding="utf-8", newline="\n")
    _log.info("%s: %d clips, %.1f MB", output, len(clips), len(html) / 1e6)


def _dataset(clips: Sequence[ReportClip], folds: Sequence[Fold]) -> dict[str, Any]:
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
        "classes": classes,
        "class_counts": [(name, total[name], valid[name]) for name in classes],
        "single_split": single,
        "subjects": len(subjects),
        "without_subject": sum(clip.subject is None for clip in clips),
        "shared_subjects": max(fold.shared_subjects for fold in folds),
        "part_sizes": _part_sizes(folds),
        "class_figure": figures.class_bars(classes, bars),
        "n_valid": valid.total(),
    }


def _look_alikes(
    table: Path | None, compared: Sequence[str], datasets: Sequence[str]
) -> dict[str, Any]:
    pairs = None if table is None else read_look_alikes(table, datasets)
    return {"look_alikes": pairs, "shown_pairs": (pairs or [])[:_PAIRS], "compared": compared}


def _part_sizes(folds: Sequence[Fold]) -> dict[str, tuple[int, int]]:
    """Return the least and the most clips of each part over the folds."""
    sizes = {part: [fold.parts[part].clips for fold in folds] for part in folds[0].parts}
    return {part: (min(counts), max(counts)) for part, counts in sizes.items()}


def _quality(clips: Sequence[ReportClip], options: Mapping[str, Any]) -> dict[str, Any]:
    limits: dict[str, float] = {
        "detection": 100 * options["min_detection_ratio"],
        "longest gap": options["max_gap_frames"],
    }
    known: list[Measure] = measures(clips)
    return {
        "measures": known,
        "quality_options": options,
        "histograms": [
            figures.histogram(measure, limit=limits.get(measure.name))
            for measure in known
            if measure.values.size
        ],
    }


def _review(clips: Sequence[ReportClip], *, store: Path, pictures: int) -> dict[str, Any]:
    review: Review = review_clips(clips)
    shown = [*review.invalid, *(odd.clip for odd in review.odd)][:pictures]
    examples = example_clips(clips, count=_EXAMPLES)
    _log.info("drawing %d clips", len(shown) + len(examples))
    return {
        "review": review,
        "reasons": review.reasons[:_KINDS],
        "notes": note_counts(clips)[:_KINDS],
        "thumbnails": {clip.clip_id: make_thumbnail(clip, store=store) for clip in shown},
        "examples": [(clip, make_thumbnail(clip, store=store)) for clip in examples],
    }


def _wavelet(example: WaveletExample | None) -> dict[str, Any]:
    if example is None:
        return {"wavelet": None, "trace_figures": []}
    return {
        "wavelet": example,
        "trace_figures": [
            (trace, figures.trajectory(example, trace), figures.code_bars(example, trace))
            for trace in example.traces
        ],
    }


def _training(runs: Sequence[TrainingRun]) -> dict[str, Any]:
    return {
        "runs": runs,
        "training_figures": [
            figures.training_curves(runs, quantity="loss", label="loss, nats"),
            figures.training_curves(runs, quantity="uar", label="UAR, %"),
        ],
    }


def environment() -> Environment:
    """Return the Jinja environment of the page: everything escaped, nothing undefined."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": _count, "percent": _percent, "number": _number}
    return environment


def _count(value: int, word: str = "", plural: str = "") -> str:
    """Return a whole number with thousands apart, and a word in its number."""
    text = f"{value:,}"
    if not word:
        return text
    return f"{text} {word if value == 1 else plural or word + 's'}"


def _percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage without the sign; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
