"""Compare variants of features and model on the same test clips, one of them the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.metrics import calibration_error, unweighted_average_recall
from facewave.evaluation.predictions import read_class_predictions, read_metadata
from facewave.evaluation.resampling import bootstrap, holm, limits, paired_permutation
from facewave.evaluation.units import Origin, join_windows, units_of, videos_of


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Test predictions of one variant by S seeds; clip i is the same clip for all variants.

    Attributes:
        clip_ids: n ids.
        labels: int64 (n,), indexes of classes.
        valid: bool (n,), False where no face was tracked.
        predicted: int64 (S, n), one row per seed.
        probabilities: float32 (S, n, C).
    """

    clip_ids: Sequence[str]
    labels: NDArray[np.int64]
    valid: NDArray[np.bool_]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def uar_by_seed(self) -> list[float]:
        """Return the unweighted average recall of each seed."""
        return [unweighted_average_recall(self.labels, answer) for answer in self.predicted]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Scores of a variant, as fractions from 0 to 1.

    Attributes:
        variant: its name.
        seeds, clips: their numbers.
        unit, units: what intervals and tests are over (see `facewave.evaluation.units.Units`), and
            their number.
        uar, uar_std: mean over the seeds and standard deviation; None for one seed.
        low, high: 95 % bootstrap interval of `uar`.
        war, war_std: the same of the accuracy.
        ece: mean expected calibration error, ten bins.
        video_uar: mean UAR of one answer per video, the mean probabilities of its windows; None
            where clips are not windows.
        difference, difference_low, difference_high: `uar` less that of the reference, and its 95 %
            bootstrap interval.
        p: two-sided paired permutation test of that difference.
        p_holm: adjusted for all rows but the reference.
        smallest_p: the smallest `p` that this test could have given.
        war_difference, p_war: the same for the accuracy.
    """

    variant: str
    seeds: int
    clips: int
    unit: str
    units: int
    uar: float
    uar_std: float | None
    low: float
    high: float
    war: float
    war_std: float | None
    ece: float
    video_uar: float | None
    difference: float
    difference_low: float
    difference_high: float
    p: float
    p_holm: float
    smallest_p: float
    war_difference: float
    p_war: float


def compare(
    answers: Mapping[str, Answers],
    *,
    reference: str,
    origins: Mapping[str, Origin] | None = None,
    seed: int,
) -> list[Row]:
    """Score all variants, best first.

    Of the mapping two variants are held at a time, so one that reads them when asked (see
    `AnswerFiles`) keeps memory from growing with their number.

    Args:
        answers: of each variant, by its name.
        reference: the variant that the others are compared with.
        origins: of the clips, which say what intervals and tests are over; None: not known.
        seed: of bootstrap and permutations.

    Raises:
        ValueError: the variants were not tested on the same clips, or none is the reference.
    """
    if reference not in answers:
        raise ValueError(f"ablation.reference: {reference!r} is not among the variants")
    base = answers[reference]
    rows = []
    for name in answers:
        found = base if name == reference else answers[name]
        if list(found.clip_ids) != list(base.clip_ids) or not np.array_equal(
            found.labels, base.labels
        ):
            raise ValueError(f"the variant {name!r} was tested on other clips than {reference!r}")
        rows.append(_row(name, found, base, origins=origins or {}, seed=seed))
    tested = [row for row in rows if row.variant != reference]
    adjusted = dict(
        zip([row.variant for row in tested], holm([row.p for row in tested]).tolist(), strict=True)
    )
    rows = [replace(row, p_holm=adjusted.get(row.variant, 1.0)) for row in rows]
    return sorted(rows, key=lambda row: -row.uar)


def _row(
    name: str, found: Answers, base: Answers, *, origins: Mapping[str, Origin], seed: int
) -> Row:
    labels, units = found.labels, units_of(found.clip_ids, origins)
    right = np.stack([(own.predicted == labels).mean(axis=0) for own in (found, base)])
    samples = bootstrap(right, labels, units, seed=seed)
    low, high = limits(samples.uar[:, 0])
    difference_low, difference_high = limits(samples.uar[:, 0] - samples.uar[:, 1])
    counts = np.bincount(labels)
    # What each clip adds to the difference of the UARs, whose sum it is.
    added = (right[0] - right[1]) / counts[labels] / np.count_nonzero(counts)
    test = paired_permutation(added, units, seed=seed)
    uars, wars = found.uar_by_seed(), (found.predicted == labels).mean(axis=1)
    return Row(
        variant=name,
        seeds=len(uars),
        clips=labels.size,
        unit=units.kind,
        units=units.count,
        uar=float(np.mean(uars)),
        uar_std=_std(uars),
        low=low,
        high=high,
        war=float(wars.mean()),
        war_std=_std(wars.tolist()),
        ece=float(np.mean([calibration_error(p, labels) for p in found.probabilities])),
        video_uar=_video_uar(found, origins),
        difference=float(added.sum()),
        difference_low=difference_low,
        difference_high=difference_high,
        p=test.p,
        p_holm=test.p,
        smallest_p=test.smallest_p,
        war_difference=float((right[0] - right[1]).mean()),
        p_war=paired_permutation((right[0] - right[1]) / labels.size, units, seed=seed).p,
    )


def _std(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _video_uar(answers: Answers, origins: Mapping[str, Origin]) -> float | None:
    videos = videos_of(answers.clip_ids, answers.labels, origins)
    if videos is None:
        return None
    labels = answers.labels[np.unique(videos, return_index=True)[1]]
    joined = [join_windows(own, answers.valid, videos) for own in answers.probabilities]
    return float(np.mean([unweighted_average_recall(labels, own.argmax(axis=1)) for own in joined]))


def join_folds(folds: Sequence[Answers]) -> Answers:
    """Join the test predictions of several folds, all with the same number of seeds."""
    return Answers(
        clip_ids=[clip_id for fold in folds for clip_id in fold.clip_ids],
        labels=np.concatenate([fold.labels for fold in folds]),
        valid=np.concatenate([fold.valid for fold in folds]),
        predicted=np.concatenate([fold.predicted for fold in folds], axis=1),
        probabilities=np.concatenate([fold.probabilities for fold in folds], axis=1),
    )


def read_answers(files: Sequence[str | Path]) -> Answers:
    """Read the answers of a variant of one job, from one predictions file per seed.

    Raises:
        ValueError: a file does not hold predicted classes, or other clips than the first one.
    """
    read = [read_class_predictions(file).of_part("test") for file in files]
    for file, part in zip(files, read, strict=True):
        if part.clip_ids != read[0].clip_ids:
            raise ValueError(f"{file}: holds other clips than {files[0]}: train the variant again")
    return Answers(
        clip_ids=read[0].clip_ids,
        labels=read[0].labels,
        valid=read[0].valid,
        predicted=np.stack([part.predicted for part in read]),
        probabilities=np.stack([part.probabilities for part in read]),
    )


class AnswerFiles(Mapping[str, Answers]):
    """The answers of variants over all folds, read when one is asked for and not kept."""

    def __init__(self, files: Mapping[str, Sequence[Sequence[str | Path]]]) -> None:
        """Take the predictions files: variant to one list per job, of one file per seed."""
        self._files = files

    def __getitem__(self, name: str) -> Answers:
        """Read the answers of a variant."""
        return join_folds([read_answers(files) for files in self._files[name]])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._files)

    def __len__(self) -> int:
        """Return the number of variants."""
        return len(self._files)


def read_all_answers(
    predictions: Mapping[str, Sequence[Sequence[str | Path]]],
) -> dict[str, list[Answers]]:
    """Read the answers of all variants for each fold, from one list per job, of a file per seed."""
    return {
        name: [fold for files in jobs for fold in _by_fold(files)]
        for name, jobs in predictions.items()
    }


def _by_fold(files: Sequence[str | Path]) -> list[Answers]:
    """Read the answers of one job and return those for each of its folds."""
    found = read_answers(files)
    counts = read_metadata(files[0]).get("fold_clips", [len(found.clip_ids)])
    ends = np.cumsum(counts).tolist()
    return [
        Answers(
            clip_ids=found.clip_ids[start:end],
            labels=found.labels[start:end],
            valid=found.valid[start:end],
            predicted=found.predicted[:, start:end],
            probabilities=found.probabilities[:, start:end],
        )
        for start, end in zip([0, *ends], ends, strict=False)
    ]
