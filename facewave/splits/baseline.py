"""A person's baseline: features centred, or standardised, on the person's own clips.

What a face looks like at rest differs more between people than expressions differ within one. Some
clips of a person, whatever they show, say what the person's features are on average; labels are
never looked at. Scores with a baseline are another task than scores without: they need several
clips of each test person (`calibration_text` says how many).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.manifest.clips import Clip
from facewave.splits.disk_arrays import DiskArray

METHODS = ("none", "mean", "standardise")
PERSONS = ("auto", "subject", "source", "video")

# Of a split's metadata: the rule, which a model is bound to, and what the references are made of.
RULE, REFERENCES = "baseline", "baseline_references"

# A person's deviation below this fraction of its mean is rounding: the column does not vary.
_LEAST_STD = 1e-6
_SHOWN = 10

Features = Mapping[str, NDArray[np.float32]]
Reader = Callable[[str], Features]


class BaselineError(ValueError):
    """The clips cannot have the baseline that the configuration asks for."""


@dataclass(frozen=True, kw_only=True)
class BaselineOptions:
    """How features are made relative to a person's own clips (config section `features`).

    Attributes:
        subject_baseline: `mean` (the person's mean is subtracted), `standardise` (what is left is
            divided by the person's standard deviation, column by column) or `none`.
        enrolment: the person's clips that mean and deviation are taken from: `all`, or a number k
            of them, drawn by the seed. A drawn clip is judged by k others: the next one drawn
            takes its place.
        baseline_person: what one person is: `subject`, `source`, `video` (the windows of one
            video) or `auto` (the subject; where it is not known, the video of a window).
        seed: of the drawing.
    """

    subject_baseline: str = "none"
    enrolment: str | int = "all"
    baseline_person: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option.
        """
        good = {
            "subject_baseline": self.subject_baseline in METHODS,
            "enrolment": self.enrolment == "all"
            or (isinstance(self.enrolment, int) and self.enrolment >= 1),
            "baseline_person": self.baseline_person in PERSONS,
        }
        for name, holds in good.items():
            if not holds:
                raise ValueError(f"features.{name} cannot be {getattr(self, name)!r}")
        if self.subject_baseline == "standardise" and self.enrolment == 1:
            raise ValueError(
                "features.enrolment: found 1, expected at least 2 with subject_baseline: "
                "standardise (one clip has no deviation)"
            )

    @property
    def rule(self) -> dict[str, Any] | None:
        """What prediction must do as well, as plain values; None without a baseline."""
        return None if self.subject_baseline == "none" else asdict(self)

    @property
    def least_clips(self) -> int:
        """Fewest valid clips that a person must have."""
        if isinstance(self.enrolment, int):
            return self.enrolment + 1
        return 2 if self.subject_baseline == "mean" else 3


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a person's baseline is made of.

    Attributes:
        clips: number of clips.
        spread: how much they vary, relative to the clips of all people (1: as much as usual).
    """

    clips: int
    spread: float


def calibration_text(rule: Mapping[str, Any], clips: tuple[int, int] | None = None) -> str:
    """Return the words that stand beside every score with this rule.

    Args:
        rule: see `BaselineOptions.rule`.
        clips: fewest and most clips of a test person's reference; None: they were not counted.
    """
    if clips is None and rule["enrolment"] == "all":
        return "calibrated on all unlabelled clips of each test person"
    low, high = clips or (rule["enrolment"], rule["enrolment"])
    count = f"{low}" if low == high else f"{low} to {high}"
    which = "" if rule["enrolment"] != "all" else " (all there are)"
    word = "clip" if high == 1 else "clips"
    return f"calibrated on {count} unlabelled {word}{which} of each test person"


def persons_of(clips: Sequence[Clip], person: str) -> dict[str, str]:
    """Return the person of each clip id.

    Args:
        clips: of one dataset.
        person: one of `PERSONS`.

    Raises:
        BaselineError: clips of which it is not known whom they show.
    """
    found = {clip.clip_id: _person_of(clip, person) for clip in clips}
    without = [clip_id for clip_id, name in found.items() if name is None]
    if without:
        raise BaselineError(
            f"features.subject_baseline: {len(without)} clips do not say whom they show "
            f"({_some(without)}); fill the column `subject`, or set features.baseline_person: "
            "source (clips of one movie or recording count as one person) or video (windows of "
            "one video do)"
        )
    return {clip_id: str(name) for clip_id, name in found.items()}


def _person_of(clip: Clip, person: str) -> str | None:
    if person == "source":
        return clip.source
    if person == "video":
        return clip.relative_path
    if person == "auto" and clip.subject is None and clip.span_ms is not None:
        return clip.relative_path
    return clip.subject


class Baseline:
    """Makes features relative to each person's own clips.

    Attributes:
        options: the rule.
        drawn: person to the clips that its reference is made of, with a number k of clips one more.
        references: of each person that has one.
        refused: clip id to why it has none; its features say nothing.
    """

    def __init__(
        self,
        persons: Mapping[str, str],
        read: Reader,
        options: BaselineOptions,
        *,
        scratch: Path,
    ) -> None:
        """Measure every person's clips.

        Memory: the features of a few clips; means and deviations lie in an unnamed file.

        Args:
            persons: person of each valid clip.
            read: returns the features of a clip by its id, float32 by name of the group.
            options: the rule; not `none`.
            scratch: folder for the file, 8 bytes per feature and person.

        Raises:
            BaselineError: no person has enough clips.
        """
        self.options, self._persons, self._read = options, persons, read
        members: defaultdict[str, list[str]] = defaultdict(list)
        for clip_id, person in persons.items():
            members[person].append(clip_id)
        few = {name: ids for name, ids in members.items() if len(ids) < options.least_clips}
        self.refused = {
            clip_id: f"person {name} has {len(ids)} valid clips, subject_baseline needs "
            f"{options.least_clips}"
            for name, ids in few.items()
            for clip_id in ids
        }
        if len(few) == len(members):
            counted = [f"{name}: {len(ids)}" for name, ids in few.items()]
            raise BaselineError(
                f"features.subject_baseline: no person has {options.least_clips} valid clips "
                f"({_some(counted)}); lower features.enrolment, add clips of each person, or set "
                "subject_baseline: none"
            )
        self.drawn = {
            name: _drawn(ids, options) for name, ids in members.items() if name not in few
        }
        self._row = {name: 2 * row for row, name in enumerate(self.drawn)}
        self._statistics = self._measure(scratch)
        self._recent = lru_cache(maxsize=4)(self._of_person)
        self.references = self._references()

    def __call__(self, clip_id: str, features: Features) -> dict[str, NDArray[np.float32]]:
        """Return the features of a clip relative to its person's reference, float32 as given."""
        drawn = self.drawn[self._persons[clip_id]]
        if self.options.enrolment != "all" and clip_id in drawn[:-1]:
            mean, std = _mean_std([self._joined(other) for other in drawn if other != clip_id])
        else:
            mean, std = self._recent(self._persons[clip_id])
        return relative_to(features, (mean, std), self.options)

    def references_of(self, clips: Sequence[Clip]) -> dict[str, dict[str, Any]]:
        """Return, as plain values, the references of the people that some clips show."""
        shown = {self._persons.get(clip.clip_id) for clip in clips}
        return {name: asdict(found) for name, found in self.references.items() if name in shown}

    def _of_person(self, person: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        mean, std = self._statistics[np.arange(2) + self._row[person]]
        return mean, std

    def _joined(self, clip_id: str) -> NDArray[np.float32]:
        return _join(self._read(clip_id))

    def _measure(self, scratch: Path) -> DiskArray:
        found: DiskArray | None = None
        for person, drawn in self.drawn.items():
            chosen = drawn if self.options.enrolment == "all" else drawn[:-1]
            mean, std = _mean_std(map(self._joined, chosen))
            if found is None:
                found = DiskArray(scratch, (2 * len(self.drawn), mean.size))
            found[slice(self._row[person], self._row[person] + 2)] = np.stack([mean, std])
        assert found is not None  # some person has enough clips
        return found

    def _references(self) -> dict[str, Reference]:
        usual: NDArray[np.float64] = np.zeros(self._statistics.shape[1])
        for person in self.drawn:
            usual += _variance(self._of_person(person)[1]) / len(self.drawn)
        varies = usual > 0
        found = {}
        for person, drawn in self.drawn.items():
            ratio = _variance(self._of_person(person)[1])[varies] / usual[varies]
            count = len(drawn) - (self.options.enrolment != "all")
            # The median: columns that one person alone moves would decide a mean.
            spread = float(np.sqrt(np.median(ratio))) if ratio.size else 0.0
            found[person] = Reference(clips=count, spread=spread)
        return found


def reference_of(
    clips: Iterable[Features],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of clips' features, float32 (d,); at least one clip."""
    return _mean_std(map(_join, clips))


def relative_to(
    features: Features,
    reference: tuple[NDArray[np.float32], NDArray[np.float32]],
    options: BaselineOptions,
) -> dict[str, NDArray[np.float32]]:
    """Return features relative to a reference, float32 by name; see `reference_of`."""
    mean, std = reference
    values = _join(features) - mean
    if options.subject_baseline == "standardise":
        values /= std
    return _split(values.astype(np.float32), features)


def _drawn(clip_ids: Sequence[str], options: BaselineOptions) -> list[str]:
    """Return a person's clips for the reference; with a number k, k of them and one to replace."""
    if options.enrolment == "all":
        return list(clip_ids)

    def order(clip_id: str) -> str:
        return hashlib.blake2b(f"{options.seed} {clip_id}".encode(), digest_size=8).hexdigest()

    return sorted(clip_ids, key=order)[: options.least_clips]


def _join(features: Features) -> NDArray[np.float32]:
    return np.concatenate([array.ravel() for array in features.values()])


def _split(values: NDArray[np.float32], like: Features) -> dict[str, NDArray[np.float32]]:
    ends = np.cumsum([array.size for array in like.values()])[:-1]
    parts = np.split(values, ends)
    return {
        name: part.reshape(array.shape)
        for (name, array), part in zip(like.items(), parts, strict=True)
    }


def _mean_std(
    clips: Iterable[NDArray[np.float32]],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation over clips, float32 (d,); 1 for columns that stay."""
    every = iter(clips)
    # Relative to the first clip: squares of large, similar numbers lose their digits.
    first = next(every).astype(np.float64)
    total, squares, count = np.zeros_like(first), np.zeros_like(first), 1
    for values in every:
        shifted = values - first
        total, squares, count = total + shifted, squares + shifted**2, count + 1
    mean = total / count
    std: NDArray[np.float64] = np.sqrt(np.maximum(squares / count - mean**2, 0))
    mean = first + mean
    std[std < _LEAST_STD * np.maximum(1.0, np.abs(mean))] = 1.0
    return mean.astype(np.float32), std.astype(np.float32)


def _variance(std: NDArray[np.float32]) -> NDArray[np.float64]:
    # A deviation of exactly 1 stands for a column that does not vary.
    return np.where(std == 1, 0.0, std.astype(np.float64)) ** 2


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
