"""Adapter of FERV39k: folders of frames by scene and emotion, official train and test lists.

Read are `4_setups/All_scenes/train_All.csv` and `test_All.csv` (`Action/Happy/0267 Happy`; derived:
`Interview/Happy/0118,3`) and the frames of `2_ClipsforFaceCrop/` (faces) or `3_ClipsforScenImages/`
(whole images). The folder of a clip names its emotion; the labels only have to agree with it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from facewave.datasets.files.sheets import read_text
from facewave.datasets.files.tree import Tree, tree_of
from facewave.datasets.release import Item, Published, Release
from facewave.datasets.rows import Collector, Rows
from facewave.manifest.class_lists import SEVEN, canonical
from facewave.manifest.clips import ManifestError

LISTS = {part: f"4_setups/All_scenes/{part}_All.csv" for part in ("train", "test")}
CROPS = {"face": "2_ClipsforFaceCrop", "scene": "3_ClipsforScenImages"}

_NAME = re.compile(r"(?:ferv39k[_-]?)?(train|test)(?:_all)?\.(?:csv|txt)", re.IGNORECASE)
_CLIP = re.compile(r"([^/\s,;]+)/([^/\s,;]+)/([0-9]+)(?=[/\s,;]|$)")
_ADVICE = (
    "Point `root` at the folder that holds 2_ClipsforFaceCrop/ and 4_setups/ of FERV39k "
    "(`snakemake check_dataset --config root=...` lists what is there)."
)


@dataclass(frozen=True, slots=True)
class _Line:
    scene: str
    emotion: str
    number: str
    part: str
    place: str

    @property
    def key(self) -> str:
        return f"{self.scene}/{self.emotion}/{self.number}"


def load(options: dict[str, Any], *, classes: Sequence[str], root: Path) -> Rows:
    """Return one row per clip of the lists, with its split and its scene.

    Args:
        options: `crop` (`face` or `scene`), `fps`, `class_map`
        classes: the dataset's class list
        root: folder of the release

    Raises:
        ManifestError: an official file is missing, or a list cannot be read
    """
    tree = tree_of(root, dataset="FERV39k", advice=_ADVICE, options=options)
    lists = _lists(tree)
    missing = [f"{LISTS[part]}: missing" for part in LISTS if part not in lists]
    if missing:
        raise ManifestError(f"{root}: FERV39k's labels", missing, advice=_ADVICE)
    lines = [line for part, path in lists.items() for line in _read(tree.root / path, path, part)]
    crop = CROPS[options.get("crop", "face")]
    media = _media(tree, crop)
    if not media:
        problem = f"{crop}/<Scene>/<Emotion>/<0001>/*.jpg: no clip found"
        raise ManifestError(f"{root}: FERV39k's clips", [problem], advice=_ADVICE)
    found = Collector(classes, options, known=SEVEN)
    found.notes(tree.notes())
    twice = _twice(lines)
    for problem in twice:
        found.problem(problem)
    for line in lines if not twice else ():
        found.add(
            line.place,
            clip_id="_".join((line.scene, line.emotion, line.number)),
            file_path=media.get(line.key.casefold(), f"{crop}/{line.key}"),
            word=line.emotion,
            split=line.part,
            scene=line.scene,
            fps_hint=options.get("fps"),
        )
    return found.rows("FERV39k")


def _lists(tree: Tree) -> dict[str, str]:
    """Return the list of each part; those of All_scenes come before copies elsewhere."""
    found: dict[str, str] = {}
    for path in sorted(tree.tables, key=lambda path: "All_scenes" not in path):
        match = _NAME.fullmatch(PurePosixPath(path).name)
        if match:
            found.setdefault(match[1].casefold(), path)
    return {part: found[part] for part in LISTS if part in found}


def _media(tree: Tree, crop: str) -> dict[str, str]:
    """Return `scene/emotion/number`, in lower case, to the path of each clip."""
    paths = [*tree.frame_folders, *tree.videos]
    inside = [path for path in paths if crop.casefold() in path.casefold()]
    if not inside:  # the root itself is the folder of the crops
        others = [name.casefold() for name in CROPS.values()]
        inside = [path for path in paths if not any(name in path.casefold() for name in others)]
    keys = {}
    for path in inside:
        parts = PurePosixPath(path).with_suffix("").parts
        if len(parts) >= 3:
            keys["/".join(parts[-3:]).casefold()] = path
    return keys


def _read(path: Path, shown: str, part: str) -> list[_Line]:
    lines, problems = [], []
    numbered: dict[str, str] = {}
    for number, text in enumerate(read_text(path).splitlines(), start=1):
        place = f"{shown} line {number}"
        match = _CLIP.search(text.replace("\\", "/"))
        if match is None:
            if text.strip() and number > 1:  # the first line may be a header
                expected = "`Action/Happy/0267 Happy` (scene/emotion/number, label)"
                problems.append(f"{place}: {text.strip()[:80]!r}; expected {expected}")
            continue
        scene, emotion, clip = match.groups()
        label = re.split(r"[\s,;]+", text.strip())[-1]
        if (
            label.isdecimal()
        ):  # copies number the emotions in an order of their own, but consistently
            same = numbered.setdefault(label, emotion) == emotion
        else:
            same = "/" in label or canonical(label) == canonical(emotion)
        if not same:
            expected = numbered.get(label, emotion)
            problems.append(
                f"{place}: label {label!r} of a clip in the folder {emotion}; expected {expected}"
            )
            continue
        lines.append(_Line(scene, emotion, clip, part, place))
    if problems:
        raise ManifestError(shown, problems, advice="Copy the official list again.")
    return lines


def _twice(lines: Sequence[_Line]) -> list[str]:
    first: dict[str, _Line] = {}
    return [
        f"{line.place}: clip {line.key} is in {first[line.key].place} too; expected it once"
        for line in lines
        if first.setdefault(line.key, line) is not line
    ]


def _items(tree: Tree) -> list[Item]:
    lists = _lists(tree)
    items = [
        Item(name, f"the {part} part", lists.get(part), required=True)
        for part, name in LISTS.items()
    ]
    named = any("_All." in path or "4_setups" in path for path in lists.values())
    media = _crops(tree)
    if not named and not any(media.values()):
        return [Item(item.name, item.purpose, None, item.required) for item in items]
    images = {"face": "the face crops", "scene": "the whole images (`crop: scene`)"}
    for crop, name in CROPS.items():
        first = min(media[crop].values(), default=None)
        needed = crop == "face" and not media["scene"]
        items.append(
            Item(f"{name}/Action/Happy/0001", images[crop], first, needed, optional=not needed)
        )
    return items


def _crops(tree: Tree) -> Mapping[str, Mapping[str, str]]:
    """Return the clips below the official folder of each kind of image."""
    return {
        crop: {
            k: path for k, path in _media(tree, name).items() if name.casefold() in path.casefold()
        }
        for crop, name in CROPS.items()
    }


def _options(tree: Tree) -> Mapping[str, str]:
    media = _crops(tree)
    return {"crop": "scene"} if media["scene"] and not media["face"] else {}


RELEASE = Release(
    title="FERV39k",
    items=_items,
    published={
        "7": [
            Published(
                "the train part",
                31_088,
                {
                    "angry": 5906,
                    "surprise": 2502,
                    "happy": 5854,
                    "fear": 1680,
                    "neutral": 7790,
                    "sad": 5523,
                    "disgust": 1833,
                },
                split="train",
            ),
            Published("the test part", 7847, split="test"),
        ]
    },
    source="4_setups/All_scenes of the release (38,935 clips of 22 scenes)",
    advice=[
        "Folders of frames name no frame rate: set `fps`, else landmarker.default_fps is used."
    ],
    options=_options,
)
