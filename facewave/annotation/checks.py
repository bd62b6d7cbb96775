"""What is wrong with a written description: nothing there, too short, another language, …"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from facewave.annotation.emotion_words import banned_words
from facewave.text.words import han_count, words_of

# A flag, and whether the clip is asked about again with another seed.
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
# Least share of letters that are ASCII, and of words that are English function words; of letters
# that are Chinese characters.
_ASCII, _FUNCTION, _HAN = 0.9, 0.12, 0.7
_REPEATS = 3
# Words in a row that make a repetition, of Chinese characters.
_GRAMS = {"en": 4, "zh": 8}
LANGUAGES = tuple(_GRAMS)


@dataclass(frozen=True, kw_only=True)
class TextRules:
    """What a description must be.

    Attributes:
        min_words, max_words: of a description; of a Chinese one, characters.
        banned: finds words that it must not hold (`facewave.annotation.emotion_words.banned_pattern`).
        language: see `LANGUAGES`.
    """

    min_words: int
    max_words: int
    banned: re.Pattern[str]
    language: str = "en"


def clean(text: str) -> str:
    """Return a text on one line, without blanks around it."""
    return " ".join(text.split())


def text_flags(text: str, rules: TextRules) -> list[str]:
    """Return what is wrong with a description by itself, in the order of `FLAGS`."""
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
    """Tell whether a text is written in a language of `LANGUAGES`, as far as its letters say."""
    return looks_english(text) if language == "en" else looks_chinese(text)


def looks_chinese(text: str) -> bool:
    """Tell whether most letters are Chinese characters; Japanese and Cantonese pass as well."""
    letters = sum(sign.isalpha() for sign in text)
    return letters > 0 and han_count(text) >= _HAN * letters


def looks_english(text: str) -> bool:
    """Tell whether most letters are ASCII and enough words are English function words.

    A text of fewer than five words is only held to its letters.
    """
    letters = [sign for sign in text if sign.isalpha()]
    if not letters or sum(sign.isascii() for sign in letters) < _ASCII * len(letters):
        return False
    words = _words(text)
    return len(words) < 5 or sum(w in _FUNCTION_WORDS for w in words) >= _FUNCTION * len(words)


def repeats_itself(text: str, *, language: str = "en") -> bool:
    """Tell whether a sentence, four words or eight Chinese characters in a row are there thrice."""
    words, gram = _words(text), _GRAMS[language]
    grams = Counter(tuple(words[i : i + gram]) for i in range(len(words) - gram + 1))
    parts = (part.strip().lower() for part in re.split(r"[.!?。！？]+", text))
    sentences = Counter(filter(None, parts))
    return max([*grams.values(), *sentences.values()], default=0) >= _REPEATS


def shared_texts(texts: Mapping[str, str]) -> dict[str, int]:
    """Return the clips whose description another clip has too, and how many clips have it."""
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
    """Return counts for people: clips, flags, lengths, banned words, retries.

    Args:
        texts: clip id to description, empty where there is none.
        flags: clip id to what is wrong with it.
        attempts: clip id to the number of times it was asked about, from 1.
        rules: what a description must be.
    """
    lengths = sorted(len(_words(text)) for text in texts.values() if text)
    said = Counter(word for text in texts.values() for word in banned_words(text, rules.banned))
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
        "banned_words": dict(sorted(said.items(), key=lambda item: (-item[1], item[0]))),
        "asked_again": sum(count > 1 for count in attempts.values()),
    }


def _words(text: str) -> list[str]:
    return words_of(text.lower())
