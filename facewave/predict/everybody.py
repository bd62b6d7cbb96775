"""The windows of everybody in a video, in place of those of the person whom each window follows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from facewave.features.encode_bucket import encode_row
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.jobs.log import Progress
from facewave.predict.windows import Window
from facewave.storage.store import drop_index_if_damaged, shard_path
from facewave.tracking.trajectory import people_of


def windows_of_everybody(
    windows: Sequence[Window], *, store: Path, features: Mapping[str, Any]
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

    Raises:
        DroppedIndexError: a trajectory shard is damaged or missing.
    """
    found: list[Window] = []
    coding = _Coding(store, features)
    progress = Progress(len(windows))
    for _, group in itertools.groupby(windows, key=lambda window: window.video):
        own = list(group)
        found += coding.of_video(own) if own[0].track["key"] else own
        for _ in own:
            progress.step(computed=True, frames=0)
    return found


class _Coding:
    """Codes windows with the options of the stage `features`."""

    def __init__(self, store: Path, features: Mapping[str, Any]) -> None:
        self._store = store
        self._wavelet = WaveletOptions(**features["wavelet"])
        self._quality = QualityOptions(**features["quality"])
        self._face = FaceOptions(**features["features"])

    def of_video(self, own: Sequence[Window]) -> Iterator[Window]:
        with drop_index_if_damaged(own[0].index, clip_id=own[0].clip_id):
            everybody = people_of(shard_path(self._store, "tracks", own[0].track["key"]))
        if not everybody:
            yield from own
        for person in everybody:
            for window in own if person.primary or not person.likely_ghost else ():
                named = replace(window, person=str(person.number))
                yield named if len(everybody) == 1 else self._coded(named)

    def _coded(self, window: Window) -> Window:
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
