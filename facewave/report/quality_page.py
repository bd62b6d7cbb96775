"""Which clips are valid, and why others are not: a page that needs no training, and its sections.

It works for any dataset that has features: of one class, of a few clips, or without a valid one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.report import figures
from facewave.report.clips import QUALITY_FILE, ReportClip
from facewave.report.review import (
    MAX_KINDS,
    Measure,
    Review,
    example_clips,
    measures,
    note_counts,
    review_clips,
)
from facewave.report.templating import environment
from facewave.report.thumbnails import make_thumbnail
from facewave.storage.atomic import write_text

_log = logging.getLogger("facewave")

_EXAMPLES = 6


def write_quality_page(
    clips: Sequence[ReportClip],
    *,
    html: Path,
    dataset: str,
    options: Mapping[str, Any],
    store: Path,
    thumbnails: int,
) -> None:
    """Write the page; equal input gives equal bytes.

    Args:
        clips: all clips of the dataset, at least one.
        html: the page, which holds everything it shows.
        dataset: its name.
        options: the section `quality` of the configuration.
        store: folder of the content-addressed store.
        thumbnails: number of clips to review that are shown with an image.
    """
    content = {
        "dataset": dataset,
        "clips": clips,
        **quality_content(clips, options),
        **review_content(clips, store=store, thumbnails=thumbnails),
    }
    page = environment().get_template("quality_page.html").render(content)
    write_text(html, page)


def conditions(options: Mapping[str, Any]) -> list[str]:
    """Return what makes a clip valid, in words.

    Args:
        options: the section `quality` of the configuration.
    """
    span = " from the first to the last one that shows it" if options["trim_ends"] else ""
    known = {
        "min_decoded_ratio": "at least {:.0%} of the frames that its file announces can be decoded",
        "min_detected_frames": "the face is found in at least {} frames",
        "min_detection_ratio": f"the face is found in at least {{:.0%}} of the frames{span}",
        "min_coverage": "the face is found in at least {:.0%} of all frames",
        "max_gap_frames": "it is never missing for more than {} frames in a row",
        "max_gap_seconds": "it is never missing for more than {:g} seconds",
        "max_changes": "it becomes another face at most {} times",
        "max_cuts": "there are at most {} cuts",
    }
    return [
        words.format(options[name]) for name, words in known.items() if options[name] is not None
    ]


def quality_content(clips: Sequence[ReportClip], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the section on quality shows, by name.

    Args:
        clips: all clips.
        options: the section `quality` of the configuration.
    """
    limits: dict[str, float | None] = {
        "detection": 100 * options["min_detection_ratio"],
        "coverage": 100 * options["min_coverage"] if options["min_coverage"] is not None else None,
        "longest gap": options["max_gap_frames"],
    }
    known: list[Measure] = measures(clips, trimmed=options["trim_ends"])
    return {
        "n_valid": sum(clip.valid for clip in clips),
        "measures": known,
        "conditions": conditions(options),
        "histograms": [
            figures.histogram(measure, limit=limits.get(measure.name))
            for measure in known
            if measure.values.size
        ],
    }


def review_content(clips: Sequence[ReportClip], *, store: Path, thumbnails: int) -> dict[str, Any]:
    """Return what the section on clips to review shows, by name.

    Args:
        clips: all clips.
        store: folder of the content-addressed store.
        thumbnails: number of clips to review that are shown with an image.
    """
    review: Review = review_clips(clips)
    shown = [*review.invalid, *(odd.clip for odd in review.odd)][:thumbnails]
    examples = example_clips(clips, count=_EXAMPLES)
    _log.info("drawing %d clips", len(shown) + len(examples))
    return {
        "quality_file": QUALITY_FILE,
        "review": review,
        "reasons": review.reasons[:MAX_KINDS],
        "notes": note_counts(clips)[:MAX_KINDS],
        "thumbnails": {clip.clip_id: make_thumbnail(clip, store=store) for clip in shown},
        "examples": [(clip, make_thumbnail(clip, store=store)) for clip in examples],
    }
