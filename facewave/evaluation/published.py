"""Published scores on well-known datasets, to compare one's own with.

All are of the dataset's usual protocol (DFEW and MAFW: mean of the five official folds; FERV39k:
the official test part), but of other inputs: images, some with sound or language models, where
facewave has landmarks. No published result is of landmarks or blendshapes alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from facewave.manifest.class_lists import canonical, preset_classes

SOURCE = (
    "the papers and repositories of MAE-DFER, HiCMAE, DFER-CLIP, S2D, EMO-LLaMA, Face-LLaVA, "
    "HumanOmni and GPT-4V with Emotion, in part as one cites the other"
)


@dataclass(frozen=True, kw_only=True)
class PublishedScore:
    """A published result; fractions from 0 to 1.

    Attributes:
        method: its name, and what sets it apart
        uar: unweighted average recall
        war: weighted average recall
    """

    method: str
    uar: float
    war: float


# UAR and WAR in percent, by the adapter of the dataset; MAFW: its 11 classes.
_TABLE: dict[str, dict[str, tuple[float, float]]] = {
    "C3D": {"dfew": (42.74, 53.54), "ferv39k": (22.68, 31.69), "mafw": (31.17, 42.25)},
    "R18-LSTM": {"dfew": (51.32, 63.85), "ferv39k": (30.92, 42.95), "mafw": (28.08, 39.38)},
    "Former-DFER": {"dfew": (53.69, 65.70), "ferv39k": (37.20, 46.85), "mafw": (31.16, 43.27)},
    "DFER-CLIP": {"dfew": (59.61, 71.25), "ferv39k": (41.27, 51.65), "mafw": (39.89, 52.55)},
    "MAE-DFER": {"dfew": (63.41, 74.43), "ferv39k": (43.12, 52.07), "mafw": (41.62, 54.31)},
    "S2D": {"dfew": (61.82, 76.03), "ferv39k": (41.28, 52.56), "mafw": (41.86, 57.37)},
    "EMO-LLaMA, fine-tuned": {"dfew": (60.2, 65.9)},
    "Emotion-LLaMA, fine-tuned (sound too)": {"dfew": (64.2, 77.1)},
    "GPT-4V, zero-shot": {"dfew": (36.96, 43.80), "ferv39k": (24.92, 34.29)},
    "Qwen2.5-VL, zero-shot (size not stated)": {"dfew": (29.3, 39.9)},
    "Qwen2-VL-7B, zero-shot": {"dfew": (43.08, 52.83), "mafw": (31.67, 45.89)},
}


def published_scores(adapter: str, classes: Sequence[str]) -> list[PublishedScore]:
    """Return what is published on a dataset; nothing where its usual class list is not used.

    Args:
        adapter: of the dataset.
        classes: those that are scored, in any order and wording.
    """
    usual = preset_classes(adapter, None)
    if usual is None or set(map(canonical, usual)) != set(map(canonical, classes)):
        return []
    return [
        PublishedScore(method=method, uar=scores[adapter][0] / 100, war=scores[adapter][1] / 100)
        for method, scores in _TABLE.items()
        if adapter in scores
    ]
