"""From one bucket of clips to transcripts in the store, and the bucket's index."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewave.jobs.clip_errors import ClipErrors
from facewave.jobs.log import Progress
from facewave.speech.engines import Answer, Engine, joined
from facewave.speech.sound import (
    SAMPLE_RATE,
    NoSoundError,
    Samples,
    UnreadableSoundError,
    level_dbfs,
    read_sound,
    windows,
)
from facewave.storage.buckets import KeyRow, read_key_file
from facewave.storage.fingerprint import MISSING, stat_text
from facewave.storage.store import (
    DamagedShardError,
    content_key,
    is_whole,
    read_metadata,
    shard_path,
    write_shard,
)
from facewave.storage.tables import write_index
from facewave.versions import TRANSCRIPT_VERSION
from facewave.video.content import content_sha256
from facewave.video.decode import UnreadableVideoError
from facewave.video.isolated import Read, read_here

_log = logging.getLogger("facewave")

STAGE = "transcripts"
FLAGS = ("", "no_audio", "silence", "no_speech", "unreadable")
_ANSWER = ("flag", "text", "confidence", "seconds", "level_dbfs")
TRANSCRIPT_COLUMNS = ("clip_id", "key", *_ANSWER, "engine", "model", "revision", "reason")


@dataclass
class _Hearing:
    """An engine that is loaded when it is first needed."""

    engine: Engine
    hear: Callable[[Samples], Answer] | None = field(default=None)

    def __call__(self, samples: Samples) -> Answer:
        if self.hear is None:
            _log.info("loading %s %s", self.engine.name, self.engine.model)
            self.hear = self.engine.load()
        return self.hear(samples)


def transcript_key(
    content_sha256: str,
    *,
    engine: Engine,
    silence_dbfs: float,
    part: tuple[float, float] | None,
) -> str:
    """Return the key of the transcript of a file, or of a part of it in seconds."""
    segment = {} if part is None else {"seconds": list(part)}
    return content_key(
        stage=STAGE,
        content=content_sha256,
        engine=engine.name,
        model=engine.model,
        revision=engine.revision,
        language=engine.language,
        silence_dbfs=float(silence_dbfs),
        version=TRANSCRIPT_VERSION,
        **segment,
    )


def transcribe_bucket(
    key_file: Path,
    *,
    index: Path,
    store: Path,
    engine: Engine,
    silence_dbfs: float,
    default_fps: float,
    read: Read = read_here,
) -> None:
    """Transcribe every clip of a bucket that is not in the store yet, then write the index.

    A clip without sound or speech, a silent one, and one that cannot be decoded are flagged
    (`FLAGS`) and stop no other clip. Of a segment only its own sound is transcribed.

    Args:
        key_file: the bucket's clips.
        index: TSV with one row per clip (`TRANSCRIPT_COLUMNS`), written at the end. A clip that
            cannot be decoded has no key, so that it is tried again.
        store: folder of the content-addressed store.
        engine: see `Engine`.
        silence_dbfs: a clip, or a window of a long one, is silent if its loudest 30 ms are below.
        default_fps: frames per second where neither container nor manifest names one.
        read: calls what opens a clip, possibly in another process.

    Raises:
        RunFaultError, SameErrorError, WorkerError, OSError, MemoryError: see
            `facewave.jobs.clip_errors.ClipErrors`; no index is written.
    """
    rows = read_key_file(key_file)
    progress, hearing = Progress(len(rows)), _Hearing(engine)
    errors = ClipErrors(fatal=(DamagedShardError,))
    contents = _Contents(read)
    done = []
    for row in rows:
        known = {"clip_id": row.clip_id, "model": engine.model, "revision": engine.revision}
        known["engine"] = engine.name
        try:
            found, computed = _transcribe(
                row, store=store, hearing=hearing, silence_dbfs=silence_dbfs, contents=contents
            )
        except Exception as error:
            reason = errors.reason(row.file_path, error)
            found, computed = {"flag": "unreadable", "reason": reason}, False
        progress.step(computed=computed)
        done.append({**dict.fromkeys(TRANSCRIPT_COLUMNS), **known, **found})
    errors.fail()
    write_index(index, TRANSCRIPT_COLUMNS, done)


def _transcribe(
    row: KeyRow, *, store: Path, hearing: _Hearing, silence_dbfs: float, contents: _Contents
) -> tuple[dict[str, Any], bool]:
    path = Path(row.file_path)
    try:
        if row.fingerprint == MISSING:
            raise UnreadableSoundError("the file is missing")
        stat = stat_text(row.file_path)
        part = _part(row)
        key = transcript_key(
            contents.of(path, stat), engine=hearing.engine, silence_dbfs=silence_dbfs, part=part
        )
        shard = shard_path(store, STAGE, key)
        computed = not is_whole(shard)
        if computed:
            samples = _samples(path, part, contents.read)
            answer = _answer(samples, path, hearing=hearing, silence_dbfs=silence_dbfs)
            if stat_text(row.file_path) != stat:
                raise UnreadableSoundError("the file changed while it was read; run again")
            write_shard(shard, {}, answer)
        return {"key": key, **read_metadata(shard)}, computed
    except (UnreadableSoundError, UnreadableVideoError) as error:
        _log.warning("%s: %s", path, error)
        return {"flag": "unreadable", "reason": str(error)}, False


def _part(row: KeyRow) -> tuple[float, float] | None:
    """Return the seconds of a segment."""
    return None if row.span_ms is None else (row.span_ms[0] / 1000, row.span_ms[1] / 1000)


@dataclass
class _Contents:
    """Hashes a file once for all its segments, as long as its stat stays the same."""

    read: Read
    known: dict[tuple[Path, str | None], str] = field(default_factory=dict)

    def of(self, path: Path, stat: str | None) -> str:
        if (path, stat) not in self.known:
            self.known[path, stat] = self.read(content_sha256, path=path)
        return self.known[path, stat]


def _samples(path: Path, part: tuple[float, float] | None, read: Read) -> Samples | None:
    """Return the sound of a clip; None if it has none."""
    start, end = part or (0.0, None)
    known = (NoSoundError, UnreadableSoundError)
    try:
        return read(read_sound, path=path, start=start, end=end, raises=known)
    except NoSoundError:
        return None


def _answer(
    samples: Samples | None, path: Path, *, hearing: _Hearing, silence_dbfs: float
) -> dict[str, Any]:
    if samples is None:
        return dict.fromkeys(_ANSWER) | {"flag": "no_audio", "text": ""}
    level = level_dbfs(samples)
    measured = {
        "seconds": round(samples.size / SAMPLE_RATE, 3),
        "level_dbfs": round(level, 1) if math.isfinite(level) else None,
    }
    if level < silence_dbfs:
        return {"flag": "silence", "text": "", "confidence": None, **measured}
    try:
        heard = joined(
            [hearing(window) for window in windows(samples) if level_dbfs(window) >= silence_dbfs]
        )
    except (ValueError, IndexError) as error:
        _log.exception("%s: %s failed", path, hearing.engine.name)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnreadableSoundError(f"{hearing.engine.name} failed: {reason}") from error
    return {
        "flag": "" if heard.text else "no_speech",
        "text": heard.text,
        "confidence": None if heard.confidence is None else round(heard.confidence, 4),
        **measured,
    }
