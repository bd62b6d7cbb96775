"""Published scores on well-known datasets, to compare one's own with.

All are of the dataset's usual protocol unless the row says otherwise (DFEW and MAFW: mean of the
five official folds; FERV39k: the official test part; RAVDESS: six folds of four actors), but of
other inputs: images, some with sound or language models, where facewave has landmarks. No published
result on DFEW, MAFW or FERV39k is of landmarks or blendshapes alone.

All numbers but one were compared with the tables of the sources as these are stored in public
repositories; of that one the source says that its table was not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from facewave.manifest.class_lists import canonical, preset_classes

VIDEO, SOUND = "video", "video and sound"

_MAE_DFER = "README of MAE-DFER"
_DFER_CLIP = "README of DFER-CLIP"
_FACE_LLAVA = "README of Face-LLaVA"
_HUMAN_OMNI = "README of HumanOmni"
_SURVEY = "README of SurveyFER"


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """A published result; fractions from 0 to 1.

    Attributes:
        method: its name, and what sets it apart
        takes: what it is given: video, or video and sound
        uar: unweighted average recall; None where it is not published
        war: weighted average recall
        source: where the numbers stand
    """

    method: str
    takes: str
    uar: float | None
    war: float
    source: str


@dataclass(frozen=True)
class _Line:
    """A method, and its UAR (None: not published) and WAR in percent by adapter."""

    method: str
    takes: str
    source: str
    dfew: tuple[float | None, float] | None = None
    mafw: tuple[float | None, float] | None = None  # 11 classes
    ferv39k: tuple[float | None, float] | None = None
    others: Mapping[str, tuple[float | None, float]] = field(default_factory=dict)


_TABLE = (
    _Line("C3D", VIDEO, _DFER_CLIP, (42.74, 53.54), (31.17, 42.25), (22.68, 31.69)),
    _Line(
        "R18-LSTM",
        VIDEO,
        f"{_DFER_CLIP}; FERV39k: that of MAE-DFER has a WAR of 42.59",
        (51.32, 63.85),
        (28.08, 39.38),
        (30.92, 42.95),
    ),
    _Line("Former-DFER", VIDEO, _DFER_CLIP, (53.69, 65.70), (31.16, 43.27), (37.20, 46.85)),
    _Line("DFER-CLIP", VIDEO, _DFER_CLIP, (59.61, 71.25), (39.89, 52.55), (41.27, 51.65)),
    _Line(
        "MAE-DFER",
        VIDEO,
        f"{_MAE_DFER}; CREMA-D: {_FACE_LLAVA}; RAVDESS: arXiv 2307.02227 (its table was not seen; "
        "the gain in WAR on the poster, 12.57, agrees)",
        (63.41, 74.43),
        (41.62, 54.31),
        (43.12, 52.07),
        {
            **dict.fromkeys(("ravdess", "ravdess_tracks"), (75.91, 75.56)),
            "crema_d": (77.3, 77.4),
        },
    ),
    _Line("S2D", VIDEO, _SURVEY, (61.82, 76.03), (41.86, 57.37), (41.28, 52.56)),
    _Line("UMBEnet", VIDEO, _SURVEY, (64.55, 73.93), (46.92, 57.25), (44.01, 52.10)),
    _Line("FineCLIPER", VIDEO, _SURVEY, (65.98, 76.21), (45.01, 56.91), (45.22, 53.98)),
    _Line(
        "S4D", VIDEO, "abstract of arXiv 2409.06154", (None, 76.68), (None, 58.44), (None, 53.65)
    ),
    _Line(
        "HiCMAE",
        SOUND,
        f"{_HUMAN_OMNI}; CREMA-D: README of HiCMAE",
        (63.76, 75.01),
        (42.65, 56.17),
        others={"crema_d": (84.94, 84.91)},
    ),
    _Line("MMA-DFER", SOUND, _SURVEY, (67.01, 77.51), (44.11, 58.52)),
    _Line("EMO-LLaMA, fine-tuned", VIDEO, _FACE_LLAVA, (60.2, 65.9)),
    _Line("Emotion-LLaMA, fine-tuned", SOUND, _HUMAN_OMNI, (64.21, 77.06)),
    _Line(
        "HumanOmni-7B (trained on both datasets; folds not stated)",
        SOUND,
        _HUMAN_OMNI,
        (74.86, 82.46),
        (52.94, 68.40),
    ),
    _Line("R1-Omni-0.5B", SOUND, "README of R1-Omni", (56.27, 65.83), (40.04, 57.68)),
    _Line("GPT-4o, zero-shot", SOUND, _HUMAN_OMNI, (50.57, 57.19), (38.29, 48.82)),
    _Line(
        "GPT-4V, zero-shot (DFEW: first fold; clips that it answered)",
        VIDEO,
        "counted from its answers in the repository gpt4v-emotion",
        (36.84, 43.69),
        None,
        (24.92, 34.28),
    ),
    _Line(
        "Qwen2.5-VL, zero-shot (size not stated)",
        VIDEO,
        _FACE_LLAVA,
        (29.3, 39.9),
        others={"crema_d": (39.5, 56.6)},
    ),
    _Line("Qwen2-VL-7B, zero-shot", VIDEO, _HUMAN_OMNI, (43.08, 52.83), (31.67, 45.89)),
)


def published_scores(adapter: str, classes: Sequence[str]) -> list[PublishedScore]:
    """Return what is published on a dataset; nothing where its usual class list is not used.

    Args:
        adapter: of the dataset.
        classes: those that are scored, in any order and wording.
    """
    usual = preset_classes(adapter, None)
    if usual is None or set(map(canonical, usual)) != set(map(canonical, classes)):
        return []
    found = []
    for line in _TABLE:
        by_adapter = {"dfew": line.dfew, "mafw": line.mafw, "ferv39k": line.ferv39k, **line.others}
        if (scores := by_adapter.get(adapter)) is not None:
            uar, war = scores
            found.append(
                PublishedScore(
                    method=line.method,
                    takes=line.takes,
                    uar=None if uar is None else uar / 100,
                    war=war / 100,
                    source=line.source,
                )
            )
    return found
