"""Write the pages of a run: a list of all videos, and a page for each that could be tracked."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from facewave.overlay.colours import class_colour, hex_colour
from facewave.overlay.followed import followed_first, open_followed, video_rows
from facewave.overlay.overlay_bucket import OVERLAY_COLUMNS
from facewave.overlay.timeline import Timeline, read_timelines
from facewave.predict_page.answers import Answer, read_answers
from facewave.predict_page.curves import read_curves
from facewave.predict_page.elan import write_elan
from facewave.predict_page.events import Event, find_events
from facewave.predict_page.video_data import found_spans, lines_of, script_json, video_data
from facewave.report.templating import environment
from facewave.report.thumbnails import Thumbnail, draw_thumbnail
from facewave.storage.atomic import atomic_path, write_text
from facewave.storage.store import drop_index_if_damaged, iter_index, iter_located, shard_path
from facewave.tracking.track_index import TRACK_COLUMNS
from facewave.tracking.trajectory import Trajectory

_log = logging.getLogger("facewave")
_TEMPLATES = Path(__file__).parent / "templates"
# Nothing is loaded but what lies beside the page; scripts and styles stand inside it.
_POLICY = (
    "default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'"
)
_SORTS = (
    ("order", "Video"), ("answer", "Answer"), ("coverage", "Face found"), ("seconds", "Length"),
    ("trust", "Trust"),
)  # fmt: skip
_UNREAD = "This video could not be read: {}."


@dataclass(frozen=True, kw_only=True)
class RunFiles:
    """What the pages of a run are made of.

    Attributes:
        name: of the run.
        predictions, timeline, summary: `predictions.csv`, `timeline.csv`, `predict.json`.
        tracks: indexes of trajectories, of all buckets.
        overlays: indexes of overlays, of all buckets; none if no overlays were drawn.
        store: folder of the content-addressed store.
    """

    name: str
    predictions: Path
    timeline: Path
    summary: Path
    tracks: Sequence[Path]
    overlays: Sequence[Path]
    store: Path


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A row of the list: an answer, and what is shown beside it."""

    answer: Answer
    colour: str
    page: str = ""
    thumbnail: Mapping[str, Any] | None = None

    @property
    def trust(self) -> float:
        """How to sort by trust: trusted, answered, not answered, and by probability in each."""
        return (
            2.0 * self.answer.trusted + bool(self.answer.answer) + (self.answer.probability or 0.0)
        )


@dataclass(frozen=True, kw_only=True)
class _Video:
    """A video with all that its page needs."""

    name: str
    track: Mapping[str, str]
    index: Path
    answers: Sequence[Answer]
    timelines: Sequence[Timeline]
    overlay: Mapping[str, str] | None

    @property
    def tracked(self) -> bool:
        """Whether it could be read."""
        return bool(self.track["key"]) and not self.track["error"]


def write_pages(files: RunFiles, *, html: Path) -> None:
    """Write the pages of a run beside each other; equal input gives equal bytes.

    `videos/{video}.html` and `.jpg` lie beside the list, and `elan/{video}.eaf`; files of videos
    that are no longer in the run are removed, overlays as well.

    Args:
        files: see `RunFiles`.
        html: the list of videos, `index.html`.

    Raises:
        TimelineError: a table of answers is not as it should be.
        DroppedIndexError: a trajectory shard is damaged or missing, or an index is missing.
    """
    answers, classes = read_answers(files.predictions)
    videos = _videos(files, answers)
    templates = environment(_TEMPLATES)
    templates.filters |= {"clock": clock, "moment": moment}
    pages = [video for video in videos if video.tracked]
    rows: dict[str, list[_Row]] = {}
    for place, video in enumerate(pages):
        beside = [
            _link(other) for other in (pages[place - 1 : place], pages[place + 1 : place + 2])
        ]
        with drop_index_if_damaged(video.index, clip_id=video.track["clip_id"]):
            rows[video.name] = _write_video(
                video, files, classes, templates, folder=html.parent, beside=beside
            )
    listed = [row for v in videos for row in rows.get(v.name) or _rows(v, classes, page="")]
    write_text(html, templates.get_template("index.html").render(_list(files, listed, classes)))
    _remove_others(html.parent, {video.name for video in pages}, files.overlays)
    _log.info("%s: %d videos, %d with a page", html, len(videos), len(pages))


def _videos(files: RunFiles, answers: Iterable[Answer]) -> list[_Video]:
    tracks = {
        name: (row, index)
        for index in files.tracks
        for name, row in video_rows(iter_located(index, TRACK_COLUMNS)).items()
    }
    overlays = {
        row["video"]: row for index in files.overlays for row in iter_index(index, OVERLAY_COLUMNS)
    }
    timelines = read_timelines(files.timeline)
    named: dict[str, list[Answer]] = {}
    for answer in answers:
        named.setdefault(answer.video, []).append(answer)
    return [
        _Video(
            name=name,
            track=tracks[name][0],
            index=tracks[name][1],
            answers=own,
            timelines=timelines.get(name, []),
            overlay=overlays.get(name),
        )
        for name, own in named.items()
    ]


def _write_video(
    video: _Video,
    files: RunFiles,
    classes: Sequence[str],
    templates: Environment,
    *,
    folder: Path,
    beside: Sequence[Mapping[str, str] | None],
) -> list[_Row]:
    """Write the page of a video, its thumbnail and its file for ELAN; return its rows."""
    shard = shard_path(files.store, "tracks", video.track["key"])
    timelines = followed_first(shard, video.timelines)
    clip = open_followed(shard, timelines[0] if timelines else None)
    events = _events(clip)
    data = video_data(clip, timelines, classes=classes, curves=read_curves(clip), events=events)
    for person, timeline in zip(data["persons"][1:], timelines[1:], strict=True):
        other = open_followed(shard, timeline)
        person["lines"] = lines_of(other, read_curves(other))
    thumbnail = _thumbnail(draw_thumbnail(shard, landmarks=False), folder, video.name)
    rows = _rows(video, classes, page=f"videos/{quote(video.name)}.html", thumbnail=thumbnail)
    overlay = _overlay(video)
    page = templates.get_template("video.html").render(
        run=files.name,
        video=video.name,
        rows=rows,
        overlay=overlay,
        no_overlay=_no_overlay(video),
        events=events,
        persons=[timeline.person for timeline in timelines],
        data=data,
        seconds=data["duration"],
        facts=_facts(_first_answer(video, timelines), clip),
        before=beside[0],
        after=beside[1],
        json=script_json(data),
        script=_script("timeline.js"),
        policy=_POLICY,
    )
    write_text(folder / "videos" / f"{video.name}.html", page)
    write_elan(
        folder / "elan" / f"{video.name}.eaf",
        timelines,
        found=found_spans(clip.timestamp_ms, clip.detected),
        seconds=data["duration"],
        media=folder / overlay["path"] if overlay else Path(video.track["file_path"]),
    )
    return rows


def _events(clip: Trajectory) -> list[Event]:
    shapes = clip.at("blendshapes", clip.rows) if clip.channels.blendshapes else None
    return find_events(clip.timestamp_ms, clip.detected, shapes)


def _rows(
    video: _Video,
    classes: Sequence[str],
    *,
    page: str,
    thumbnail: Mapping[str, Any] | None = None,
) -> list[_Row]:
    return [
        _Row(answer=a, colour=_colour(a.answer, classes), page=page, thumbnail=thumbnail)
        for a in video.answers
    ]


def _colour(answer: str, classes: Sequence[str]) -> str:
    return hex_colour(class_colour(classes.index(answer))) if answer in classes else ""


def _overlay(video: _Video) -> dict[str, Any] | None:
    if video.overlay is None or not video.overlay["file"]:
        return None
    return {
        "path": f"overlays/{video.overlay['file']}",
        "src": f"../overlays/{quote(video.overlay['file'])}",
        "width": int(video.overlay["width"]),
        "height": int(video.overlay["height"]),
    }


def _no_overlay(video: _Video) -> str:
    if video.overlay is None:
        return "No overlay was drawn (predict.overlay)."
    return f"There is no overlay of this video: {video.overlay['reason'] or 'it was not drawn'}."


def _thumbnail(picture: Thumbnail, folder: Path, name: str) -> dict[str, Any] | None:
    if not picture.jpeg:
        return None
    with atomic_path(folder / "videos" / f"{name}.jpg", sync=False) as temporary:
        temporary.write_bytes(picture.jpeg)
    return {
        "src": f"videos/{quote(name)}.jpg",
        "width": picture.width,
        "height": picture.height,
    }


def _first_answer(video: _Video, timelines: Sequence[Timeline]) -> Answer:
    """Return the answer for the person whom the video follows."""
    person = timelines[0].person if timelines else ""
    return next((one for one in video.answers if one.person == person), video.answers[0])


def _facts(first: Answer, clip: Trajectory) -> list[tuple[str, str]]:
    facts = [
        ("file", first.path),
        ("size", f"{clip.width} x {clip.height} pixels, {clip.fps:.4g} frames per second"),
        ("face found", f"in {first.detected_frames:,} of {first.frames:,} frames"),
        ("model", first.model),
        ("compared with the person's own face", first.calibrated),
        ("distance", "" if first.distance is None else f"{first.distance:.0f}th percentile"),
        ("notes", clip.notes),
    ]
    return [(name, text) for name, text in facts if text]


def _list(files: RunFiles, rows: Sequence[_Row], classes: Sequence[str]) -> dict[str, Any]:
    """Return what the list of videos shows, by name."""
    summary = json.loads(files.summary.read_text(encoding="utf-8"))
    model = summary.get("model")
    counts = Counter(row.answer.answer for row in rows if row.answer.answer)
    seconds = {row.answer.video: row.answer.seconds for row in rows}
    return {
        "run": files.name,
        "rows": rows,
        "classes": classes,
        "sorts": _SORTS,
        "n_videos": len(seconds),
        "seconds": sum(seconds.values()),
        "n_answered": sum(counts.values()),
        "n_trusted": sum(row.answer.trusted for row in rows),
        "models": sorted({row.answer.model for row in rows} - {""}),
        "counts": [
            {"name": name, "n": counts[name], "colour": _colour(name, classes)}
            for name in classes
            if counts[name]
        ],
        "error_rate": summary.get("options", {}).get("error_rate"),
        "doubt": model.get("doubt") if isinstance(model, dict) else None,
        "summary": json.dumps(summary, indent=2, sort_keys=True, ensure_ascii=False),
        "script": _script("index.js"),
        "policy": _POLICY,
    }


def _link(videos: Sequence[_Video]) -> dict[str, str] | None:
    return {"video": videos[0].name, "page": f"{quote(videos[0].name)}.html"} if videos else None


def _script(name: str) -> Markup:
    """Return JavaScript of this package, which is not escaped: it holds nothing from data."""
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def _remove_others(folder: Path, names: set[str], overlays: Sequence[Path]) -> None:
    """Remove what an earlier run wrote for videos that are gone."""
    drawn = {row["file"] for index in overlays for row in iter_index(index, OVERLAY_COLUMNS)}
    stale = [
        path
        for kind in ("videos/*.html", "videos/*.jpg", "elan/*.eaf")
        for path in folder.glob(kind)
        if path.stem not in names
    ]
    stale += [path for path in folder.glob("overlays/*.mp4") if path.name not in drawn]
    for path in stale:
        path.unlink()
    if stale:
        _log.info("%s: %d files of earlier runs removed", folder, len(stale))


def moment(seconds: float) -> str:
    """Return a time as `0:12.3`, or `1:02:03.4` from an hour on."""
    tenths = round(seconds * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600 / 10
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def clock(seconds: float) -> str:
    """Return a length as `0:12`, or `1:02:03` from an hour on."""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
