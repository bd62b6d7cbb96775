"""What counts as a word of a text; in Chinese, which is written without spaces, each character."""

from __future__ import annotations

import re

# Chinese characters (CJK unified ideographs), for a character class.
HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# A letter, digit or underscore of another script.
OTHER = rf"[^\W{HAN}]"
# Words of at least two letters, as in scikit-learn, and single Chinese characters.
TOKEN_PATTERN = rf"[{HAN}]|{OTHER}{{2,}}"

_WORD = re.compile(rf"[{HAN}]|{OTHER}+(?:['’]{OTHER}+)*")
_HAN = re.compile(f"[{HAN}]")


def words_of(text: str) -> list[str]:
    """Return the words of a text as they are written, without punctuation."""
    return _WORD.findall(text)


def han_count(text: str) -> int:
    """Return the number of Chinese characters of a text."""
    return len(_HAN.findall(text))
