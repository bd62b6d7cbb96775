"""Long videos in segments: windows of a video's frames become clips, without cutting the file.

A window is a part of a video's time; the video is tracked once, whole, whatever its windows. The
length of a video comes from the times of its packets, which are read but not decoded: a container
may announce anything. It is remembered together with the file's `stat`, so that reading the
Snakefile again opens no video.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass, replace
from hashlib import blake2s
from pathlib import Path
from typing import Any

from facewave.jobs.clip_errors import RunFaultError, UnexpectedError, WorkerError
from facewave.manifest.clips import Clip, ManifestError, NotThereYetError
from facewave.storage.fingerprint import own_stat
from facewave.storage.tables import TableError, format_rows, iter_rows, write_text_if_changed
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Bounds, Read, isolated_reader
from facewave.video.open import Length, measure
from facewave.video.scene_lists import (
    SceneListError,
    key_path,
    read_detected,
    read_key,
    read_scenes,
    scene_list,
)

_log = logging.getLogger("facewave")

_COLUMNS = ("file_path", "stat", "fps_hint", "frames", "ms")
_LONGEST_ID = 200
_REST_MS = 100
_ADVICE = (
    "Segments need the times of the frames: rewrite the file (`ffmpeg -i IN -c copy OUT.mp4`), "
    "set its rate (`fps` or the column `fps_hint`), or do without `segments`. "
    "Scenes are listed by `scenedetect -i film.mp4 list-scenes`, or with `scenes: detect` by "
    "`snakemake detect_scenes`."
)
_DETECT = (
    "Run `snakemake detect_scenes` (with the same options) first: it detects the scenes of videos "
    "that are new or have changed. The number of clips in each video must be known before "
    "anything else is planned. Remove damaged lists before."
)


class ScenesUnknownError(NotThereYetError):
    """There are videos whose scenes must be detected before they can be divided."""


@dataclass(frozen=True, kw_only=True)
class SegmentOptions:
    """How a video is divided (`segments` of a dataset).

    Attributes:
        seconds: length of a window.
        overlap: fraction of a window that the next one shares, 0 to less than 1.
        scenes: folder of PySceneDetect's lists: windows then never cross a cut; None for no lists.
        keys: folder of the keys of the lists of `detect_scenes`, by clip id; None for lists made
            by hand, by the names of the videos.
    """

    seconds: float
    overlap: float = 0.0
    scenes: str | None = None
    keys: str | None = None


def windows(length_ms: int, options: SegmentOptions) -> list[tuple[int, int]]:
    """Return the windows of a video as parts of its time in ms: from the first, before the second.

    All have the same length. The last one ends with the video and overlaps the one before as far
    as necessary; a video that is not longer than a window is one window.
    """
    size = max(1, round(options.seconds * 1000))
    step = max(1, round(size * (1.0 - options.overlap)))
    if length_ms <= size:
        return [(0, length_ms)]
    starts = list(range(0, length_ms - size + 1, step))
    # A rest of a frame or two is not worth a window.
    if starts[-1] + size < length_ms - _REST_MS:
        starts.append(length_ms - size)
    return [(start, start + size) for start in starts]


def split_clips(
    clips: Sequence[Clip],
    options: Mapping[str, Any] | None,
    *,
    cache: Path | None = None,
    bounds: Bounds | None = None,
) -> list[Clip]:
    """Return the segments of clips, with new numbers.

    The id of a segment is that of its clip, two underscores and its number (from 000); everything
    else is the clip's: label, subject, fold, split. Its take is the clip's, or the clip itself, so
    that no video is in two parts of a split. A clip whose file is missing or cannot be read stays
    whole: tracking reports what is wrong with it.

    Args:
        clips: of one dataset.
        options: see `SegmentOptions`; None leaves the clips whole.
        cache: the file in which the lengths of videos are remembered.
        bounds: what reading a video may take; None: as for those that the cache remembers.

    Raises:
        ScenesUnknownError: naming the files whose scenes must be detected first.
        ManifestError: naming the files whose length is not known or whose list of scenes cannot be
            used, and ids that occur twice; or if the run failed while a length was read.
    """
    if options is None:
        return list(clips)
    chosen = SegmentOptions(**options)
    lengths = _lengths(clips, cache, bounds)
    problems = _same_lists(clips) if chosen.scenes and not chosen.keys else []
    unlisted: list[str] = []
    segments = []
    for clip in clips:
        length = lengths.get(_key(clip))
        if length is None or length.frames < 0:
            segments.append(clip)
        elif length.ms == 0:
            problems.append(f"{clip.file_path}: it names no times, and no frame rate is given")
        else:
            try:
                segments += _segments(clip, _ranges(clip, length.ms, chosen))
            except SceneListError as error:
                (unlisted if chosen.keys else problems).append(f"{clip.file_path}: {error}")
    if unlisted:
        raise ScenesUnknownError("segments", unlisted, advice=_DETECT)
    problems += _repeated(segments)
    if problems:
        raise ManifestError("segments", problems, advice=_ADVICE)
    return [replace(clip, video_idx=index) for index, clip in enumerate(segments)]


def _ranges(clip: Clip, length_ms: int, options: SegmentOptions) -> list[tuple[int, int]] | None:
    """Return the segments of a video as parts of its time in ms; None if it stays whole."""
    if options.scenes is None:
        return windows(length_ms, options)
    scenes = _scenes(clip, options.scenes, options.keys)
    if scenes is None:
        return None
    # The last scene ends with the last frame, wherever a list puts that.
    scenes = [(first, min(end, length_ms)) for first, end in scenes]
    return [
        (first + start, first + end)
        for first, last in scenes
        if first < last
        for start, end in windows(last - first, options)
    ]


def _scenes(clip: Clip, lists: str, keys: str | None) -> list[tuple[int, int]] | None:
    if keys is None:
        return read_scenes(scene_list(Path(lists), Path(clip.file_path).stem))
    path = key_path(Path(keys), clip.clip_id)
    if not path.exists():
        raise SceneListError("its scenes have not been detected")
    return read_detected(scene_list(Path(lists), clip.clip_id), read_key(path)[2])


def _same_lists(clips: Sequence[Clip]) -> list[str]:
    seen: dict[str, str] = {}
    return [
        f"{clip.file_path} and {other}: their lists of scenes would have the same name"
        for clip in clips
        if (other := seen.setdefault(Path(clip.file_path).stem, clip.file_path)) != clip.file_path
    ]


def _segments(clip: Clip, ranges: Sequence[tuple[int, int]] | None) -> Iterator[Clip]:
    if ranges is None:
        yield clip
        return
    for index, (start, end) in enumerate(ranges):
        yield replace(
            clip,
            clip_id=_segment_id(clip.clip_id, index),
            take=clip.take or clip.clip_id,
            start_ms=start,
            end_ms=end,
        )


def _segment_id(clip_id: str, index: int) -> str:
    suffix = f"__{index:03d}"
    if len(clip_id) + len(suffix) > _LONGEST_ID:
        digest = blake2s(clip_id.encode(), digest_size=8).hexdigest()
        clip_id = f"{clip_id[: _LONGEST_ID - len(digest) - len(suffix) - 1]}-{digest}"
    return clip_id + suffix


def _repeated(segments: Sequence[Clip]) -> list[str]:
    seen: dict[str, str] = {}
    return [
        f"clip_id {clip.clip_id!r}: a clip is called like a segment: {clip.file_path} and {other}"
        for clip in segments
        if (other := seen.setdefault(clip.clip_id, clip.file_path)) != clip.file_path
    ]


def _key(clip: Clip) -> tuple[str, str]:
    return clip.file_path, "" if clip.fps_hint is None else str(clip.fps_hint)


def _lengths(
    clips: Sequence[Clip], cache: Path | None, bounds: Bounds | None
) -> dict[tuple[str, str], Length]:
    """Return the length by file and assumed rate; from the cache if the file's stat is the same."""
    known = _read_cache(cache)
    # A job takes what was refused while planning for refused: each attempt may crash or hang.
    planned = {} if bounds else {(rate, stat.partition(" {")[0]): stat for rate, stat in known}
    rows: list[dict[str, Any]] = []
    lengths: dict[tuple[str, str], Length] = {}
    with isolated_reader(bounds) as read:
        for key in dict.fromkeys(_key(clip) for clip in clips if not clip.missing):
            stat = own_stat(key[0])
            if stat is None:
                continue
            # What could not be read may be readable within other bounds.
            rate = key[1]
            refused = planned.get((rate, stat), f"{stat} {asdict(bounds or Bounds())}")
            length = known.get((rate, stat)) or known.get((rate, refused)) or _measured(key, read)
            lengths[key] = length
            values = (key[0], refused if length.frames < 0 else stat, key[1], *astuple(length))
            rows.append(dict(zip(_COLUMNS, values, strict=True)))
    if cache is not None:
        with suppress(OSError):  # it only saves time
            write_text_if_changed(cache, format_rows(_COLUMNS, rows))
    return lengths


def _measured(key: tuple[str, str], read: Read) -> Length:
    try:
        return read(measure, path=Path(key[0]), default_fps=float(key[1] or 0))
    except (UnreadableVideoError, UnexpectedError) as error:
        _log.warning("%s: %s", key[0], error)
        return Length(frames=-1, ms=0)
    except (RunFaultError, WorkerError) as error:
        raise ManifestError("segments", [str(error)], advice="Run the command again.") from error


def _read_cache(cache: Path | None) -> dict[tuple[str, str], Length]:
    # Not by path: a file with the same stat (inode, times) that lies elsewhere was moved.
    if cache is None:
        return {}
    try:
        return {
            (row["fps_hint"], row["stat"]): Length(frames=int(row["frames"]), ms=int(row["ms"]))
            for row in iter_rows(cache, _COLUMNS)
        }
    except (FileNotFoundError, TableError, ValueError):
        return {}  # the cache only saves time
