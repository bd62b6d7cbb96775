"""Adapter of RAVDESS: `01-01-03-02-01-01-12.mp4`, in folders of actors as they are unpacked.

The fields of a name: modality (01 audio and video, 02 video only, 03 audio only), vocal channel (01
speech, 02 song), emotion, intensity, statement, repetition, actor. The files of modality 01 and 02
with the same other fields are one performance: they have the same `take` and so stay together.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.datasets.files.tree import Tree, named_clips, tree_of
from facewave.datasets.release import Item, Published, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.clips import ManifestError

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful",
    "07": "disgust", "08": "surprised",
}  # fmt: skip
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
ACTORS = range(1, 25)
ACTORS_A_FOLD = 4
TAKES_OF_AN_ACTOR = {"speech": 60, "song": 44}

NAME = re.compile(r"(0[123])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-([0-9]{2})")
_CHANNELS = {"speech": "01", "song": "02"}
_AV, _VIDEO_ONLY = "01", "02"
_ADVICE = (
    "Point `root` at the folder of Video_Speech_Actor_01/ to _24/ (unpacked from Zenodo 1188976); "
    "`snakemake check_dataset --config root=...` lists what is there."
)


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip; `fold` is one of six folds of four actors.

    Args:
        options: `vocal` (`speech`, `song` or `both`), `modality` (`one`: one file of each take, the
            one with sound if there are both; `av`; `video_only`; `both`), `class_map`
        classes: the dataset's class list
        root: folder of the release

    Raises:
        ManifestError: there are no such clips
    """
    tree = tree_of(root, dataset="RAVDESS", advice=_ADVICE, options=options)
    clips = list(named_clips(tree, NAME))
    found = Collector(classes, options, known=EMOTIONS.values())
    found.notes(tree.notes())
    wanted = _wanted(clips, options, found)
    if not wanted:
        problem = f"found {len(clips)} clips named like 01-01-03-02-01-01-12.mp4, none to be used"
        raise ManifestError(f"{root}: RAVDESS", [problem], advice=_ADVICE)
    for path, match in wanted:
        add_clip(found, match, place=path, file_path=path)
    return found.rows("RAVDESS")


def add_clip(
    found: Collector,
    match: re.Match[str],
    *,
    place: str,
    file_path: str,
    fps_hint: float | None = None,
    table: str | None = None,
) -> None:
    """Add a clip by its name, which `match` has taken apart; also of tracks in place of videos."""
    _, channel, emotion, intensity, statement, repetition, actor = match.groups()
    found.add(
        place,
        clip_id=match[0],
        file_path=file_path,
        word=EMOTIONS[emotion],
        subject=actor,
        take="-".join((channel, emotion, intensity, statement, repetition)),
        fold=str((int(actor) - 1) // ACTORS_A_FOLD + 1),
        text=STATEMENTS[statement],
        fps_hint=fps_hint,
        table=table,
    )


def _wanted(
    clips: Sequence[tuple[str, re.Match[str]]], options: Mapping[str, Any], found: Collector
) -> list[tuple[str, re.Match[str]]]:
    vocal, modality = options.get("vocal", "speech"), options.get("modality", "one")
    accepted = {"av": {_AV}, "video_only": {_VIDEO_ONLY}}.get(modality, {_AV, _VIDEO_ONLY})
    with_sound = {match[0][3:] for _, match in clips if match[1] == _AV}
    chosen, names = [], set()
    for path, match in clips:
        if match[1] == "03":
            found.leave_out("of modality 03: sound without images")
        elif vocal != "both" and match[2] != _CHANNELS[vocal]:
            found.leave_out(f"that are not {vocal} (option `vocal`)")
        elif match[1] not in accepted:
            found.leave_out(f"of modality {match[1]} (option `modality`)")
        elif modality == "one" and match[1] == _VIDEO_ONLY and match[0][3:] in with_sound:
            found.leave_out("without sound, of takes that are there with sound (`modality: one`)")
        elif match[0] in names:
            found.leave_out("that are there twice: several copies below the root")
        else:
            names.add(match[0])
            chosen.append((path, match))
    return chosen


def _items(tree: Tree) -> list[Item]:
    clips = list(named_clips(tree, NAME))
    takes = Counter((m[7], m[2]) for m in {match[0][3:]: match for _, match in clips}.values())
    first = {match[7]: path for path, match in reversed(clips)}
    items = []
    for actor in (f"{number:02d}" for number in ACTORS):
        counts = [
            f"{takes[actor, code]} of {TAKES_OF_AN_ACTOR[name]} takes of {name}"
            for name, code in _CHANNELS.items()
            if takes[actor, code]
        ]
        name = f"Video_Speech_Actor_{actor}/Actor_{actor}/"
        items.append(Item(name, ", ".join(counts) or "60 takes of speech", first.get(actor)))
    return items


def _counts(neutral: int, others: int, words: Sequence[str]) -> dict[str, int]:
    return {"neutral": neutral, **dict.fromkeys(words, others)}


_ALL = ("calm", "happy", "sad", "angry", "fear", "disgust", "surprise")

RELEASE = Release(
    title="RAVDESS",
    items=_items,
    published={
        "8": [Published("takes of speech, 24 actors", 1440, _counts(96, 192, _ALL))],
        "7": [Published("takes of speech but calm", 1248, _counts(96, 192, _ALL[1:]))],
    },
    source="Livingstone and Russo 2018, Zenodo 1188976",
    advice=[
        "With 7 classes calm is left out; `class_map: {calm: neutral}` merges it.",
        "The usual protocol: split.protocol official (six folds of four actors).",
    ],
)
