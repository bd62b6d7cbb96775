"""Parts of error messages: the nearest known name, and a value as it was found."""

import json
from collections.abc import Iterable, Mapping

_LONGEST = 60
_MOST_NAMES = 20


def nearest(word: object, known: Iterable[str]) -> str | None:
    """Return the name in `known` that `word` was most likely meant to be.

    Upper and lower case, and `-`, `_` and spaces, are not distinguished.

    Args:
        word: what was found
        known: the names to choose from

    Returns:
        one of `known`, or None if none is near
    """
    # Only a failing run needs difflib; importing it costs as much as checking the configuration.
    import difflib

    names = {_plain(name): name for name in known}
    close = difflib.get_close_matches(_plain(str(word)), names, n=1, cutoff=0.6)
    return names[close[0]] if close else None


def shown(name: str) -> str:
    r"""Return a file name as it may be printed: what is no printable character as an escape.

    Bytes that are not UTF-8, which Python keeps as lone surrogates, become `\xba`.
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return `; did you mean 'happy'?` for the nearest of `known`, or an empty string."""
    near = nearest(word, known)
    return f"; did you mean {near!r}?" if near is not None else ""


def listed(names: Iterable[object]) -> str:
    """Return the names joined by commas, at most 20 of them."""
    words = [str(name) for name in names]
    more = len(words) - _MOST_NAMES
    return ", ".join(words[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def found(value: object) -> str:
    """Return a value as it would be written in YAML, followed by its type."""
    if value is None:
        return "null (empty)"
    if isinstance(value, str):
        return f"{_short(repr(value))} (text)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (true/false)"
    if isinstance(value, int):
        return f"{value} (whole number)"
    if isinstance(value, float):
        return f"{value} (number)"
    kind = "mapping" if isinstance(value, Mapping) else "list"
    return f"{_short(as_yaml(value))} ({kind})"


def as_yaml(value: object) -> str:
    """Return a value of a configuration as one line of YAML, quoted only where it must be."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {as_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    if isinstance(value, str) and value and value.strip() == value:
        return value
    text = json.dumps(value, ensure_ascii=False, default=str)
    # YAML reads 5e-05 as text.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text


def _plain(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
