"""The class lists that datasets come with, and which of their words mean the same emotion.

The same seven words name the same classes in every dataset, so that a model trained on one can be
scored on another: MAFW's "happiness", RAVDESS's "HAP" and FERV39k's "Happy" are all `happy` here.
Numbers mean nothing across datasets (`1` is happy in DFEW and anger in MAFW): they are turned into
words by the dataset that wrote them.
"""

SEVEN = ("neutral", "happy", "sad", "angry", "surprise", "disgust", "fear")
MAFW_ONLY = ("contempt", "anxiety", "helplessness", "disappointment")

# MAFW's ids count in this order, and its compound labels name their parts in it.
MAFW_ORDER = (
    "anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise", *MAFW_ONLY,
)  # fmt: skip

# MAFW's 32 compound classes, by the ids of their parts: sorted as MAFW's ids are.
MAFW_COMPOUND = (
    "anger_disgust", "anger_disgust_contempt", "anger_disgust_anxiety", "anger_sadness",
    "anger_surprise", "anger_anxiety", "anger_helplessness", "disgust_sadness",
    "disgust_surprise", "disgust_contempt", "disgust_anxiety", "disgust_anxiety_helplessness",
    "disgust_helplessness", "disgust_helplessness_disappointment", "disgust_disappointment",
    "fear_sadness", "fear_sadness_anxiety", "fear_surprise", "fear_surprise_anxiety",
    "fear_anxiety", "happiness_surprise", "happiness_contempt", "sadness_surprise",
    "sadness_anxiety", "sadness_anxiety_helplessness", "sadness_helplessness",
    "sadness_helplessness_disappointment", "sadness_disappointment", "surprise_anxiety",
    "anxiety_helplessness", "anxiety_helplessness_disappointment", "helplessness_disappointment",
)  # fmt: skip

# By adapter: class lists by name; the first one is the default.
PRESETS: dict[str, dict[str, tuple[str, ...]]] = {
    "dfew": {"7": SEVEN},
    "raw_dfew_csv": {"7": SEVEN},
    "mafw": {
        "11": SEVEN + MAFW_ONLY,
        "7": SEVEN,
        "compound": MAFW_COMPOUND,
        "compound-43": SEVEN + MAFW_ONLY + MAFW_COMPOUND,
    },
    "ferv39k": {"7": SEVEN},
    "ravdess": {"8": (*SEVEN, "calm"), "7": SEVEN},
    "ravdess_tracks": {"8": (*SEVEN, "calm"), "7": SEVEN},
    "crema_d": {"6": ("neutral", "happy", "sad", "angry", "disgust", "fear")},
    "java_sed": {"6": ("neutral", "happy", "sad", "angry", "surprise", "fear")},
}

_SAME = {
    "neutral": ("neu", "neutrality", "neutral face"),
    "happy": ("happiness", "hap", "joy"),
    "sad": ("sadness",),
    "angry": ("anger", "ang"),
    "surprise": ("surprised", "sur"),
    "disgust": ("disgusted", "dis"),
    "fear": ("fearful", "fea", "afraid", "scared"),
    "contempt": ("contemptuous",),
    "anxiety": ("anxious",),
    "helplessness": ("helpless",),
    "disappointment": ("disappointed",),
}
_WORDS = {same: word for word, others in _SAME.items() for same in others}


def canonical(word: str) -> str:
    """Return the canonical form of a label: `Happiness` becomes `happy`; unknown words stay.

    The parts of a compound word are joined by `_` in the order of MAFW's ids.
    """
    plain = word.strip().casefold()
    if plain in _WORDS or "_" not in plain:
        return _WORDS.get(plain, plain)
    parts = [canonical(part) for part in plain.split("_")]
    order = {canonical(name): index for index, name in enumerate(MAFW_ORDER)}
    return "_".join(sorted(parts, key=lambda part: order.get(part, len(order))))


def preset_classes(adapter: str, preset: object = None) -> tuple[str, ...] | None:
    """Return a class list that a dataset comes with; None if the adapter has none.

    Args:
        adapter: name of the adapter.
        preset: name of the list, as text or number; None for the adapter's default.
    """
    lists = PRESETS.get(adapter)
    if lists is None:
        return None
    return next(iter(lists.values())) if preset is None else lists.get(str(preset))
