"""Adapter of CREMA-D: `VideoFlash/1001_DFA_ANG_XX.flv` (actor, sentence, emotion, level).

If `processedResults/tabulatedVotes.csv` is there, its votes become `label_distribution`.
"""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.datasets.files.downloads import released_tree
from facewave.datasets.files.sheets import find_header, read_table
from facewave.datasets.files.tree import Tree, named_clips
from facewave.datasets.release import Item, Published, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError

EMOTIONS = {
    "ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad",
}  # fmt: skip
SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
FIRST_ACTOR, ACTORS, ACTORS_A_FOLD, FOLDS = 1001, 91, 18, 5
VOTES = "processedResults/tabulatedVotes.csv"

_NAME = re.compile(r"(1[0-9]{3})_([A-Z]{3})_(ANG|DIS|FEA|HAP|NEU|SAD)_(LO|MD|HI|XX|X)")
# The first digit of a row's number in the table of votes: what the raters saw or heard.
_SEEN = {"voice": 1, "face": 2, "both": 3}
_ADVICE = (
    "Point `root` at the clone of CREMA-D; VideoFlash/ is stored in Git LFS: run `git lfs pull` "
    "there. `snakemake check_dataset --config root=...` lists what is there."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip; `fold` is one of five folds of 18 or 19 actors.

    Args:
        options: `votes` (of raters who saw the `face`, heard the `voice` or had `both`; or
            `none`), `class_map`, `actors`, `download`
        classes: the dataset's class list
        root: folder of the release

    Raises:
        ManifestError: there are no such clips, or the table of votes cannot be read
    """
    tree, fingerprints = released_tree(root, dataset="CREMA-D", advice=_ADVICE, options=options)
    found = Collector(classes, options, known=EMOTIONS.values())
    found.notes(tree.notes())
    rated, path = options.get("votes", "face"), _votes_path(tree)
    votes = _read_votes(tree.root / path, rated) if path and rated != "none" else {}
    if path is None and rated != "none":
        found.note(f"{VOTES} is missing: no label_distribution")
    names, actors = set(), options.get("actors")
    for path, match in named_clips(tree, _NAME):
        actor, sentence, emotion, level = match.groups()
        if actors is not None and int(actor) not in actors:
            found.leave_out("of other actors (option `actors`)")
            continue
        if match[0] in names:
            found.leave_out("that are there twice (as .flv and .mp4, for example)")
            continue
        names.add(match[0])
        found.add(
            path,
            clip_id=match[0],
            file_path=path,
            word=EMOTIONS[emotion],
            votes=votes.get(match[0]),
            subject=actor,
            take="_".join((sentence, emotion, level)),
            fold=str(min((int(actor) - FIRST_ACTOR) // ACTORS_A_FOLD + 1, FOLDS)),
            text=SENTENCES.get(sentence),
            fingerprint=fingerprints.get(path),
        )
    if not names:
        problem = "VideoFlash/1001_DFA_ANG_XX.flv: no clip named like this was found"
        raise ManifestError(f"{root}: CREMA-D", [problem], advice=_ADVICE)
    return found.rows("CREMA-D")


def _votes_path(tree: Tree) -> str | None:
    return next((p for p in tree.tables if PurePosixPath(p).name == "tabulatedVotes.csv"), None)


def _read_votes(path: Path, rated: str) -> dict[str, dict[str, float]]:
    rows = read_table(path)
    letters = {name[0]: EMOTIONS[name] for name in EMOTIONS}
    start = find_header(rows, "filename", *(letter.casefold() for letter in letters))
    if start is None:
        pointer = " (it is a Git LFS pointer)" if rows and "git-lfs" in " ".join(rows[0]) else ""
        problem = f"no header with fileName and the letters A, D, F, H, N, S{pointer}"
        raise ManifestError(str(path), [problem], advice=_ADVICE)
    header = rows[start]
    name_at = [cell.casefold() for cell in header].index("filename")
    columns = {header.index(letter): word for letter, word in letters.items()}
    votes = {}
    for row in rows[start + 1 :]:
        if len(row) == len(header) and row[0].startswith(str(_SEEN[rated])):
            votes[row[name_at]] = {word: float(row[i] or 0) for i, word in columns.items()}
    return votes


def _items(tree: Tree) -> list[Item]:
    clips = list(named_clips(tree, _NAME))
    if not clips:
        return [Item("VideoFlash/1001_DFA_ANG_XX.flv", "the clips", None, required=True)]
    actors = {match[1] for _, match in clips}
    purpose = f"{len(clips):,} clips of {len(actors)} of {ACTORS} actors"
    return [
        Item("VideoFlash/1001_DFA_ANG_XX.flv", purpose, clips[0][0], required=True),
        Item(VOTES, "votes; without it no label_distribution", _votes_path(tree)),
    ]


RELEASE = Release(
    title="CREMA-D",
    items=_items,
    published={
        "6": [
            Published(
                "clips",
                7442,
                {
                    "neutral": 1087,
                    **dict.fromkeys(("happy", "sad", "angry", "disgust", "fear"), 1271),
                },
            )
        ]
    },
    source="Cao et al. 2014, github.com/CheyneyComputerScience/CREMA-D (91 actors)",
    advice=["The usual protocol: split.protocol official (five folds of 18 or 19 actors)."],
)
