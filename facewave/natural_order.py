"""Natural order of names: `frame2` comes before `frame10`."""

import re

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[list[tuple[str, int]], str]:
    """Return a sort key that compares runs of digits as numbers and ignores upper and lower case.

    Names that are equal in that sense (`01` and `1`) are ordered as text.
    """
    parts = _DIGITS.split(name)
    words = [word.casefold() for word in parts[::2]]
    numbers = [int(number) for number in parts[1::2]]
    return list(zip(words, [*numbers, -1], strict=True)), name
