"""What an official release consists of, and what its authors published about it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from facewave.datasets.files.tree import Tree


@dataclass(frozen=True)
class Item:
    """A file of an official release.

    Attributes:
        name: its official path
        purpose: what it is for, and what is lost without it
        found: where it is, relative to the root; None if it is missing
        required: whether nothing works without it
        optional: whether it is only for an option: a release without it is still complete
    """

    name: str
    purpose: str
    found: str | None
    required: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Published:
    """Published numbers of clips.

    Attributes:
        what: which clips are counted
        total: number of clips; None if it is not published
        per_class: number of clips by the word of the class; empty if only the total is published
        split: part of the official split that is counted; None for all clips
    """

    what: str
    total: int | None
    per_class: Mapping[str, int] = field(default_factory=dict)
    split: str | None = None


@dataclass(frozen=True)
class Release:
    """An official release, as `check_dataset` looks for it.

    Attributes:
        title: the dataset's name
        items: lists the official files, found and missing, of what lies below a root; in the
            root of another dataset none is found
        published: numbers, by the name of the class list (see `facewave.manifest.class_lists`)
        source: where the numbers come from
        advice: what to know before using it, one line each
        options: returns the adapter's options that this folder needs, if the defaults do not fit
    """

    title: str
    items: Callable[[Tree], list[Item]]
    published: Mapping[str, Sequence[Published]] = field(default_factory=dict)
    source: str = ""
    advice: Sequence[str] = ()
    options: Callable[[Tree], Mapping[str, Any]] = lambda _: {}
