"""Word error rate: how many words must be changed to turn what was heard into what was said."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from facewave.text import words as text_words


@dataclass(frozen=True)
class WordErrors:
    """Counts over some texts.

    Attributes:
        words: of what was said.
        substituted, deleted, inserted: words of the cheapest alignment; of several equally cheap
            ones any may be taken, their sum is the same.
    """

    words: int
    substituted: int
    deleted: int
    inserted: int

    @property
    def errors(self) -> int:
        """The edit distance in words."""
        return self.substituted + self.deleted + self.inserted

    @property
    def rate(self) -> float | None:
        """Errors per spoken word; above 1 if much was invented, None if nothing was said."""
        return self.errors / self.words if self.words else None


def words_of(text: str) -> list[str]:
    """Return the words of a text without punctuation and letter case (NFKC, case folded).

    Each Chinese character counts as a word, so the rate is then that of characters, as is usual.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return text_words.words_of(folded)


def word_errors(said: str, heard: str) -> WordErrors:
    """Return the errors of one text, by the Levenshtein distance over words."""
    reference, hypothesis = words_of(said), words_of(heard)
    # row[j]: the fewest (errors, substituted, deleted, inserted) that turn the first i words that
    # were said into the first j that were heard.
    row = [(j, 0, 0, j) for j in range(len(hypothesis) + 1)]
    for i, word in enumerate(reference, start=1):
        diagonal, row[0] = row[0], (i, 0, i, 0)
        for j, other in enumerate(hypothesis, start=1):
            swap = diagonal if word == other else _more(diagonal, 1)
            diagonal, row[j] = row[j], min(swap, _more(row[j], 2), _more(row[j - 1], 3))
    _, substituted, deleted, inserted = row[-1]
    return WordErrors(len(reference), substituted, deleted, inserted)


def add_up(parts: Iterable[WordErrors]) -> WordErrors:
    """Return the counts over several texts; their rate weights all words equally."""
    every = list(parts)
    return WordErrors(
        sum(part.words for part in every),
        sum(part.substituted for part in every),
        sum(part.deleted for part in every),
        sum(part.inserted for part in every),
    )


def _more(counts: tuple[int, int, int, int], kind: int) -> tuple[int, int, int, int]:
    values = list(counts)
    values[0] += 1
    values[kind] += 1
    return values[0], values[1], values[2], values[3]
