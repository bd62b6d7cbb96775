"""The layouts in which DFEW, MAFW and others are met: how each is made, and what is in it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from facewave.manifest.class_lists import MAFW_ORDER
from tests.datasets import release_trees as trees
from tests.datasets.release_media import fill
from tests.datasets.release_trees import DFEW_FOLD, FERV39K, MAFW_FOLD, MAFW_MULTI, MAFW_SINGLE


@dataclass(frozen=True)
class Variant:
    """One layout.

    Attributes:
        make: writes the tree, with files that hold nothing yet.
        folds: clip id to the official fold that tests it, as text.
        options: of the dataset, besides `root`.
        text: caption of clip 3, where the dataset has captions.
        numbered: whether the clips are named by number.
    """

    make: Callable[[Path], Any]
    folds: dict[str, str]
    options: dict[str, Any]
    text: str | None = None
    numbered: bool = True

    def write(self, root: Path) -> dict[str, Any]:
        """Write the tree with real clips; return the dataset's configuration."""
        self.make(root)
        fill(root, numbered=self.numbered)
        return {"root": str(root), **self.options}


@dataclass(frozen=True)
class Dfew:
    """Makes a tree of DFEW."""

    clips: str = "Clip/original/{clip}.mp4"
    frames: str | None = None
    annotation: str = "xlsx"
    lists: dict[str, Any] = field(default_factory=dict)

    def __call__(self, root: Path) -> None:
        trees.dfew_annotation(root, self.annotation)
        trees.dfew_lists(root, **self.lists)
        if self.frames:
            trees.dfew_frames(root, self.frames)
        else:
            trees.dfew_clips(root, self.clips)


@dataclass(frozen=True)
class Mafw:
    """Makes a tree of MAFW; `books` and `lists` are options of their writers, None for none."""

    books: dict[str, Any] | None = field(default_factory=dict)
    lists: dict[str, Any] | None = field(default_factory=dict)
    frames: bool = False

    def __call__(self, root: Path) -> None:
        if self.books is not None:
            trees.mafw_books(root, **self.books)
        if self.lists is not None:
            trees.mafw_lists(root, **self.lists)
        if self.frames:
            for clip in MAFW_SINGLE:
                trees.put_frames(root / "frames" / f"{clip:05d}")
        else:
            trees.mafw_clips(root)


def _numbers(folds: dict[int, int]) -> dict[str, str]:
    return {f"{clip:05d}": str(fold) for clip, fold in folds.items()}


def _dfew(make: Dfew, **options: Any) -> Variant:
    return Variant(make, _numbers(DFEW_FOLD), {"adapter": "dfew", **options})


def _mafw(make: Mafw, clips: Any = MAFW_SINGLE, text: str | None = None, **options: Any) -> Variant:
    folds = _numbers({clip: MAFW_FOLD[clip] for clip in clips})
    return Variant(make, folds, {"adapter": "mafw", **options}, text)


_ENGLISH, _CHINESE = "A person, number 3.", "一个人 3"
_SEVEN = [clip for clip, label in MAFW_SINGLE.items() if label <= 7]
_NOT_NEUTRAL = [clip for clip, label in MAFW_SINGLE.items() if label != 5]
_RAVDESS = {
    f"01-01-{emotion:02d}-01-02-01-{actor:02d}": str((actor - 1) // 4 + 1)
    for actor in (1, 2, 5, 9)
    for emotion in range(1, 9)
}
# Both files of each take, of speech and of song; without calm.
_RAVDESS_BOTH = {
    f"{modality}-{channel}-{emotion:02d}-01-02-01-{actor:02d}": fold
    for modality in ("01", "02")
    for channel in ("01", "02")
    for actor, fold in ((1, "1"), (5, "2"), (9, "3"))
    for emotion in (1, 3, 4, 5, 6, 7, 8)
}
_CREMA_D = {1001: "1", 1018: "1", 1019: "2", 1091: "5"}

DFEW = {
    "mp4": _dfew(Dfew()),
    "padded": _dfew(
        Dfew(
            clips="Clip/original/{clip:05d}.mp4",
            annotation="csv",
            lists={"header": "order,label", "line": "{clip:05d},{label}"},
        )
    ),
    "parts": _dfew(Dfew(clips="part_{part}/{clip}.mp4", lists={"line": "{clip:05d},{label}"})),
    "frames": _dfew(
        Dfew(
            frames="Clip/clip_224x224/{clip:05d}",
            lists={"header": None, "line": "Clip/clip_224x224/{clip:05d} 12 {label}", "base": 0},
        ),
        fps=25,
    ),
    "avi": _dfew(
        Dfew(
            clips="Clip/clip_224x224_avi/{clip:05d}.avi",
            lists={"line": "{clip:05d},{label}", "base": 0},
        )
    ),
}
MAFW = {
    "single": _mafw(Mafw(), text=_ENGLISH),
    "title": _mafw(Mafw(books={"title": True}), text=_CHINESE, captions="chinese"),
    "gbk": _mafw(
        Mafw(books=None, lists={"captions": True}),
        text="In English, 3.\n中文 3",
        captions="both",
    ),
    "gbk_alone": _mafw(
        Mafw(books=None, lists={"captions": "only"}), _NOT_NEUTRAL, text="In English, 3."
    ),
    "seven": _mafw(Mafw(books={"title": True}), _SEVEN, text=_ENGLISH, classes_preset=7),
    "compound": _mafw(Mafw(), MAFW_MULTI, classes_preset="compound"),
    "compound_title": _mafw(
        Mafw(books={"title": True}), MAFW_SINGLE, text=_ENGLISH, classes_preset="compound-43"
    ),
    "frames": _mafw(Mafw(frames=True), text=_ENGLISH, fps=25),
    # Numbers as in no other copy: labels go by their names.
    "reordered": _mafw(Mafw(books={"order": MAFW_ORDER[::-1], "suffix": "csv"}), text=_ENGLISH),
}
OTHERS = {
    "ravdess": Variant(
        lambda root: trees.ravdess(root, actors=(1, 2, 5, 9)),
        _RAVDESS,
        {"adapter": "ravdess"},
        numbered=False,
    ),
    "ravdess_both": Variant(
        lambda root: trees.ravdess(root, actors=(1, 5, 9), channels=("01", "02")),
        _RAVDESS_BOTH,
        {"adapter": "ravdess", "modality": "both", "vocal": "both", "classes_preset": 7},
        numbered=False,
    ),
    "crema_d": Variant(
        trees.crema_d,
        {
            f"{actor}_{sentence}_{emotion}_{level}": fold
            for actor, fold in _CREMA_D.items()
            for sentence, level in (("DFA", "XX"), ("IEO", "HI"))
            for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
        },
        {"adapter": "crema_d"},
        numbered=False,
    ),
}


@dataclass(frozen=True)
class Ferv39k:
    """Makes a tree of FERV39k."""

    crop: str = "2_ClipsforFaceCrop"
    line: str = "{path} {emotion}"

    def __call__(self, root: Path) -> None:
        trees.ferv39k_lists(root, line=self.line)
        trees.ferv39k_frames(root, self.crop)


# No folds: the official train and test lists.
FERV = {
    "faces": Variant(Ferv39k(), {}, {"adapter": "ferv39k", "fps": 25}, numbered=False),
    "scenes": Variant(
        Ferv39k(crop="3_ClipsforScenImages", line="{path},{number}"),
        {},
        {"adapter": "ferv39k", "crop": "scene", "fps": 25},
        numbered=False,
    ),
}
FERV_TESTED = {"_".join(parts) for parts in FERV39K if parts[2] == "0002"}
