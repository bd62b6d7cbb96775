"""The windows of everybody in a video, in place of those of the person whom each window follows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import encode_row, feature_key
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import Progress
from facewave.predict.windows import Window
from facewave.storage.key_index import write_key_index
from facewave.storage.store import drop_index_if_damaged, shard_path
from facewave.tracking.people import Person
from facewave.tracking.track_index import span_of
from facewave.tracking.trajectory import people_of


def windows_of_everybody(
    windows: Sequence[Window], *, store: Path, features: Mapping[str, Any], index: Path
) -> list[Window]:
    """Return the windows of each person of each video: person after person, by their times.

    Likely ghosts are left out, the person whom the whole video follows never is. A video without
    anybody keeps its windows, so that it still has rows with their reasons. What a person's window
    is coded to lies in the store under a key of its own, so that a job that is stopped goes on
    where it was. Of a video with one person only, the codes are those that are there already.

    Args:
        windows: of a bucket, video after video, see `read_windows`.
        store: of the shards.
        features: options of the stage.
        index: names the shards that are made here, see `facewave.storage.key_index`.

    Raises:
        DroppedIndexError: a trajectory shard is damaged or missing.
    """
    coding = _Coding(store, features)
    named = [
        pair
        for _, group in itertools.groupby(windows, key=lambda window: window.video)
        for pair in _of_video(list(group), store)
    ]
    write_key_index(index, [(one.clip_id, coding.key(one)) for one, to_code in named if to_code])
    progress, found = Progress(len(named)), []
    for window, to_code in named:
        found.append(coding.coded(window) if to_code else window)
        progress.step(computed=True, frames=0)
    return found


def _of_video(own: Sequence[Window], store: Path) -> Iterator[tuple[Window, bool]]:
    """Yield the windows of each person, and whether they are to be coded."""
    everybody: Sequence[Person] = []
    if own[0].track["key"]:
        with drop_index_if_damaged(own[0].index, clip_id=own[0].clip_id):
            everybody = people_of(shard_path(store, "tracks", own[0].track["key"]))
    if not everybody:
        yield from ((window, False) for window in own)
    for person in everybody:
        for window in own if person.primary or not person.likely_ghost else ():
            yield replace(window, person=str(person.number)), len(everybody) > 1


class _Coding:
    """Codes windows with the options of the stage `features`."""

    def __init__(self, store: Path, features: Mapping[str, Any]) -> None:
        self._store = store
        self._wavelet = WaveletOptions(**features["wavelet"])
        self._quality = QualityOptions(**features["quality"])
        self._face = FaceOptions(**features["features"])

    def key(self, window: Window) -> str:
        return feature_key(
            window.track["key"],
            wavelet=self._wavelet,
            quality=self._quality,
            face=self._face,
            span_ms=span_of(window.track),
            person=window.number,
        )

    def coded(self, window: Window) -> Window:
        with drop_index_if_damaged(window.index, clip_id=window.clip_id):
            judged, shard, _ = encode_row(
                window.track,
                store=self._store,
                wavelet=self._wavelet,
                quality=self._quality,
                face=self._face,
                person=window.number,
            )
        return replace(
            window,
            features={
                **window.features,
                "key": "" if shard is None else shard.stem,
                "valid": str(judged.valid).lower(),
                "reason": judged.reason,
            },
        )
