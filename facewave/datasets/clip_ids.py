"""Clip ids: which are safe, and how they are made from paths where a table gives none."""

import re
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2s

# Safe as a file name everywhere and as a field of a key file; the manifest's schema has it too.
CLIP_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,199}")
CLIP_ID_WORDS = "1 to 200 letters, digits and ._+=@-, with a letter or digit first"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+=@-]+")
_LONGEST_MADE = 190  # leaves room for the hash


def clip_ids(given: Sequence[str | None], paths: Sequence[str | None]) -> list[str | None]:
    """Return an id for each row: the given one, else one made from the path.

    The stem of the file's name is taken where it is unique, else the path without its suffix and
    with `__` between the folders, else that with a hash of the path. Characters that are not safe
    in a file name become `_`. Rows with the same path, and rows with the same given id, keep
    equal ids: that is for the caller to report.

    Args:
        given: ids of the rows, None where the table has none
        paths: paths of the rows relative to the root, None where there is no usable one

    Returns:
        an id a row, None where there is neither an id nor a path
    """
    if None not in given:
        return list(given)
    made = {path: _safe(_stem(path)) for path in _to_name(given, paths)}
    for longer in (_joined, _hashed):
        counts = Counter(made.values())
        counts.update(name for name in given if name is not None)
        if max(counts.values(), default=1) > 1:
            made = {p: name if counts[name] == 1 else longer(p) for p, name in made.items()}
    return [
        made.get(path) if name is None and path is not None else name
        for name, path in zip(given, paths, strict=True)
    ]


def _to_name(given: Sequence[str | None], paths: Sequence[str | None]) -> list[str]:
    return [p for name, p in zip(given, paths, strict=True) if name is None and p is not None]


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0]
    return stem or name


def _joined(path: str) -> str:
    folder, slash, _ = path.rpartition("/")
    return _safe(f"{folder}{slash}{_stem(path)}".replace("/", "__"))


def _hashed(path: str) -> str:
    return f"{_joined(path)}-{blake2s(path.encode(), digest_size=4).hexdigest()}"


def _safe(text: str) -> str:
    if not CLIP_ID.fullmatch(text):
        text = _UNSAFE.sub("_", text).lstrip("._+=@-") or "clip"
    return text[:_LONGEST_MADE]
