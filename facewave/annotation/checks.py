"""What is wrong with a description: it is missing, too short, in another language, …"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from facewave.annotation.emotion_words import banned_words
from facewave.text.words import han_count, words_of

# Each flag, and whether the model is asked about the clip again with another seed.
FLAGS = {
    "missing": True,
    "banned": True,
    "repetitive": True,
    "language": True,
    "short": False,
    "long": False,
    "cut": False,
    "shared": False,
}
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be behind but by for from has have he her his in into is it its man "
        "not of on or other out over person she some that the their them there they this to "
        "towards two up was who while with woman",
    )
)
# Smallest fractions: of letters that are ASCII, of words that are English function words, and of
# letters that are Chinese characters.
_ASCII, _FUNCTION, _HAN = 0.9, 0.12, 0.7
_REPEATS = 3
# How many words, or Chinese characters, in a row make a repetition.
_GRAMS = {"en": 4, "zh": 8}
LANGUAGES = tuple(_GRAMS)


@dataclass(frozen=True, kw_only=True)
class TextRules:
    """What a description must be.

    Attributes:
        min_words, max_words: of a description; for Chinese, characters.
        banned: finds words that it must not contain (`emotion_words.banned_pattern`).
        language: see `LANGUAGES`.
    """

    min_words: int
    max_words: int
    banned: re.Pattern[str]
    language: str = "en"


def clean(text: str) -> str:
    """Return a text on one line, without surrounding blanks."""
    return " ".join(text.split())


def text_flags(text: str, rules: TextRules) -> list[str]:
    """Return what is wrong with one description, in the order of `FLAGS`."""
    words = _words(text)
    if not words:
        return ["missing"]
    found = {
        "banned": bool(banned_words(text, rules.banned)),
        "repetitive": repeats_itself(text, language=rules.language),
        "language": not is_in(text, rules.language),
        "short": len(words) < rules.min_words,
        "long": len(words) > rules.max_words,
        "cut": text.rstrip("\"')”’）」』")[-1:] not in tuple(".!?。！？…"),
    }
    return [name for name in FLAGS if found.get(name)]


def is_in(text: str, language: str) -> bool:
    """Tell whether a text is in one of `LANGUAGES`, judging by its letters."""
    return looks_english(text) if language == "en" else looks_chinese(text)


def looks_chinese(text: str) -> bool:
    """Tell whether most letters are Chinese characters; Japanese and Cantonese can pass too."""
    letters = sum(sign.isalpha() for sign in text)
    return letters > 0 and han_count(text) >= _HAN * letters


def looks_english(text: str) -> bool:
    """Tell whether most letters are ASCII and enough words are English function words.

    A text of fewer than five words is judged by its letters only.
    """
    letters = [sign for sign in text if sign.isalpha()]
    if not letters or sum(sign.isascii() for sign in letters) < _ASCII * len(letters):
        return False
    words = _words(text)
    return len(words) < 5 or sum(w in _FUNCTION_WORDS for w in words) >= _FUNCTION * len(words)


def repeats_itself(text: str, *, language: str = "en") -> bool:
    """Tell whether a sentence, or four words (eight Chinese characters) in a row, occur 3 times."""
    words, gram = _words(text), _GRAMS[language]
    grams = Counter(tuple(words[i : i + gram]) for i in range(len(words) - gram + 1))
    parts = (part.strip().lower() for part in re.split(r"[.!?。！？]+", text))
    sentences = Counter(filter(None, parts))
    return max([*grams.values(), *sentences.values()], default=0) >= _REPEATS


def shared_texts(texts: Mapping[str, str]) -> dict[str, int]:
    """Return the clips that share their description, and how many clips share each."""
    counts = Counter(" ".join(_words(text)) for text in texts.values() if text)
    return {
        clip: counts[key]
        for clip, text in texts.items()
        if text and counts[key := " ".join(_words(text))] > 1
    }


def summary(
    texts: Mapping[str, str],
    flags: Mapping[str, Sequence[str]],
    attempts: Mapping[str, int],
    rules: TextRules,
) -> dict[str, Any]:
    """Return counts for the reader: clips, flags, lengths, banned words, retries.

    Args:
        texts: clip id to description, empty if there is none.
        flags: clip id to what is wrong with it.
        attempts: clip id to how often the model was asked about it, from 1.
        rules: what a description must be.
    """
    lengths = sorted(len(_words(text)) for text in texts.values() if text)
    banned = Counter(word for text in texts.values() for word in banned_words(text, rules.banned))
    counted = Counter(name for names in flags.values() for name in names)
    return {
        "clips": len(texts),
        "described": len(lengths),
        "without_flag": sum(not flags[clip] for clip in texts),
        "flags": {name: counted[name] for name in FLAGS},
        "words": {
            "least": lengths[0] if lengths else None,
            "median": median(lengths) if lengths else None,
            "most": lengths[-1] if lengths else None,
        },
        "banned_words": dict(sorted(banned.items(), key=lambda item: (-item[1], item[0]))),
        "asked_again": sum(count > 1 for count in attempts.values()),
    }


def _words(text: str) -> list[str]:
    return words_of(text.lower())
