"""Official folds: lists of train and test clips, checked to be valid folds."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from facewave.manifest.clips import ManifestError

_ADVICE = (
    "Copy the official lists again. To do without them, move them out of the root: the other "
    "protocols (such as grouped_k_fold) need no lists."
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of an official list.

    Attributes:
        clip: number of the clip
        label: as it stands in the list
        place: file and line, for messages
        text: caption, if the list has one
    """

    clip: int
    label: str
    place: str
    text: str | None = None


@dataclass(frozen=True)
class FoldLists:
    """The train and test lists of each fold, and the files that they come from.

    Attributes:
        train, test: lines by the number of the fold
        missing: official lists that are not there
    """

    train: Mapping[int, list[Listed]]
    test: Mapping[int, list[Listed]]
    missing: tuple[str, ...] = ()

    def lines(self) -> Iterable[Listed]:
        """Yield every line, those of the test lists first."""
        for part in (self.test, self.train):
            for number in sorted(part):
                yield from part[number]

    def folds(self, source: str) -> dict[int, int]:
        """Return the fold in whose test part each clip is.

        The five folds of DFEW and of MAFW are a partition: each clip is tested exactly once. Other
        lists do not fit into one column, and mean that the copy is incomplete.

        Args:
            source: name of the dataset's lists, for messages

        Raises:
            ManifestError: a list is missing, or the test parts are not a partition of the clips
        """
        if not self.test and not self.train:
            return {}
        if self.missing:
            lines = [f"{name}: missing" for name in self.missing]
            raise ManifestError(source, lines, advice=_ADVICE)
        tested: dict[int, int] = {}
        problems = []
        for number, lines_of_fold in sorted(self.test.items()):
            for line in lines_of_fold:
                other = tested.setdefault(line.clip, number)
                if other != number:
                    problems.append(
                        f"{line.place}: clip {line.clip} is in the test part of fold {other} too; "
                        "expected each clip in one test part"
                    )
        problems += self._train_problems(tested)
        if problems:
            raise ManifestError(source, problems, advice=_ADVICE)
        return tested

    def _train_problems(self, tested: Mapping[int, int]) -> list[str]:
        problems = []
        for number, lines in sorted(self.train.items()):
            for line in lines:
                fold = tested.get(line.clip)
                if fold == number:
                    where = f"the train and in the test part of fold {number}"
                    problems.append(f"{line.place}: clip {line.clip} is in {where}")
                elif fold is None:
                    problems.append(f"{line.place}: clip {line.clip} is in no fold's test part")
            absent = sum(fold != number for fold in tested.values()) - len(
                {line.clip for line in lines if tested.get(line.clip) not in (None, number)}
            )
            if absent:
                problems.append(
                    f"train part of fold {number}: {absent:,} clips of the other folds' test "
                    "parts are missing; the list is incomplete"
                )
        return problems


def one_label_each(lines: Iterable[Listed]) -> tuple[dict[int, Listed], list[str]]:
    """Return the first line of each clip, and the later ones that contradict it, as messages."""
    first: dict[int, Listed] = {}
    others: defaultdict[int, list[Listed]] = defaultdict(list)
    for line in lines:
        known = first.setdefault(line.clip, line)
        if known.label != line.label:
            others[line.clip].append(line)
    problems = [
        f"{line.place}: clip {clip} has label {line.label}, but {first[clip].label} in "
        f"{first[clip].place}"
        for clip, lines_of_clip in others.items()
        for line in lines_of_clip[:1]
    ]
    return first, problems
