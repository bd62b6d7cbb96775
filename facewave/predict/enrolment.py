"""The person's baseline of new videos: from each video's own windows, or from named videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.messages import did_you_mean, listed
from facewave.predict.description import ModelError
from facewave.predict.windows import PredictionJob, Window
from facewave.splits.baseline import (
    Baseline,
    BaselineError,
    BaselineOptions,
    reference_of,
    relative_to,
)


class Enrolment:
    """Makes the features of windows relative to those of the same person's windows.

    The rule is the model's: `mean` or `standardise`, on all windows or on as many as it was trained
    with. Named videos count with all their windows.
    """

    def __init__(self, job: PredictionJob, windows: Sequence[Window], *, scratch: Path) -> None:
        """Measure the windows.

        Args:
            job: its model has a baseline.
            windows: that the baselines may be made of.
            scratch: folder for an unnamed file.

        Raises:
            ModelError: none of the windows of the named videos is valid.
        """
        self._job = job
        self._options = BaselineOptions(**(job.model.baseline or {}))
        self._windows = {window.name: window for window in windows if window.valid}
        self._counts = Counter(window.whose for window in self._windows.values())
        self._own: Baseline | None = None
        self._named: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        if job.enrolled is not None:
            self._named = self._named_reference(job.enrolled, windows)
            return
        enough = {
            name: " person ".join(window.whose)
            for name, window in self._windows.items()
            if self._counts[window.whose] >= self._options.least_clips
        }
        if enough:
            try:
                self._own = Baseline(enough, self._read, self._options, scratch=scratch)
            except BaselineError as error:  # pragma: no cover - everybody has enough windows
                raise ModelError(str(error)) from None

    def _read(self, name: str) -> dict[str, NDArray[np.float32]]:
        return self._job.read(self._windows[name])

    def _named_reference(
        self, videos: Sequence[str], windows: Sequence[Window]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        known = {window.video for window in windows}
        for name in videos:
            if name not in known:
                raise ModelError(
                    f"predict.baseline.clips: found {name!r}, expected ids of the videos "
                    f"({listed(sorted(known)[:10])}){did_you_mean(name, sorted(known))}"
                )
        named = [name for name, window in self._windows.items() if window.video in videos]
        needed = 1 if self._options.subject_baseline == "mean" else 2
        if len(named) < needed:
            raise ModelError(
                f"predict.baseline: found {len(named)} windows with a face in "
                f"{', '.join(videos)}, expected {needed} or more; name other clips"
            )
        self._named_windows = len(named)
        return reference_of(map(self._read, named))

    def refused(self, window: Window) -> str:
        """Return why a valid window cannot be made relative; empty if it can."""
        count = self._counts[window.whose]
        if self._named is not None or count >= self._options.least_clips:
            return ""
        whose = "this video" if window.number is None else f"person {window.person}"
        return (
            f"the model compares a face with the same person's other windows: {whose} has "
            f"{count} with a face, {self._options.least_clips} are needed (shorten predict.window, "
            "or name clips of the person in predict.baseline)"
        )

    def text(self, window: Window) -> str:
        """Return the words of the column `calibrated` for the person of a window."""
        if self._named is not None:
            clips = len(self._job.enrolled or ())
            word = "clip" if clips == 1 else "clips"
            return f"yes, on {self._named_windows} windows of {clips} named {word}"
        count = self._counts[window.whose]
        if isinstance(self._options.enrolment, int):
            count = self._options.enrolment
        return f"yes, on {count} windows of the video"

    def __call__(self, window: Window) -> dict[str, NDArray[np.float32]]:
        """Return the features of a window that is not refused, relative to its person's."""
        features = self._job.read(window)
        if self._named is not None:
            return relative_to(features, self._named, self._options)
        assert self._own is not None
        return self._own(window.name, features)
