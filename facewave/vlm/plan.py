"""What the rules train and ask: the parts of the configuration that decide a job's result.

The Snakefile imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facewave.messages import did_you_mean, listed
from facewave.pretrained import with_pin
from facewave.prompts.questions import CHAT_TEMPLATES, TEMPLATES

# Names of toys: the real classes at toy size with random weights.
TINY, TINY_QWEN = "tiny-random", "tiny-random-qwen"
TOYS = (TINY, TINY_QWEN)
# The kinds of models that are trained, by the name under which their results lie.
FAMILIES = ("paligemma", "qwen")
# What holds a stage's trained tensors, and in a shared folder those that PEFT does not load.
TRAINED, FACE_MODULES = "weights.safetensors", "face_modules.safetensors"
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", FACE_MODULES)
# What a model is shown of each chosen frame.
IMAGES = ("frame", "face", "both")
DTYPES = ("bfloat16", "float32")
STAGES = ("adaptation", "fine_tuning")
CONTROLS = ("no_face", "shuffled_faces", "shuffled_time", "image_only", "face_only")

_MODEL = (
    "model",
    "family",
    "revision",
    "dtype",
    "width",
    "heads",
    "dropout",
    "soft_prefix",
    "lora_rank",
    "lora_alpha",
    "lora_dropout",
    "head",
    "frames",
    "image",
    "text_tokens",
)

_INPUTS = ("frame_choice", "use_text", "cache_images", "mirror")

TRAINING = (
    "learning_rate",
    "rates",
    "weight_decay",
    "warmup",
    "batch_size",
    "accumulation",
    "clip_norm",
    "patience",
    "checkpoint_steps",
)

# What decides how fast a training runs and what it keeps meanwhile, but not its result.
_SPEED = {
    "model": ("gradient_checkpointing",),
    "inputs": ("cache_images",),
    "training": ("checkpoint_steps",),
}

# What a control takes away from the model; shuffled_time differs only in its splits.
_CONTROLLED: dict[str, dict[str, Any]] = {
    "full": {},
    "no_face": {"use_face": False},
    "shuffled_faces": {"shuffle_faces": True},
    "shuffled_time": {},
    "image_only": {"use_face": False, "use_text": False},
    "face_only": {"use_image": False, "use_text": False},
}

_NAMES = {"paligemma": "PaliGemma 2", "qwen": "Qwen2.5-VL with a face"}
_TITLES = {
    "zero_shot": "zero-shot",
    "adaptation": "after adaptation",
    "fine_tuning": "after fine-tuning",
    "fusion": "and MLP, late fusion",
}


class TargetsError(ValueError):
    """There are no such targets; the message says what to do."""


def chosen_targets(
    section: Mapping[str, Any], known: Sequence[str], *, dataset: str, key: str = "vlm"
) -> tuple[str, ...]:
    """Return the names of the real values that a model predicts; empty for a classifier.

    Args:
        section: `vlm` or `mlp`, checked.
        known: names of the dataset's targets.
        dataset: its name, for messages.
        key: of the section, for messages.

    Raises:
        TargetsError: the dataset has no targets, or not those of `targets.columns`.
    """
    if section["head"] != "regression":
        return ()
    if not known:
        raise TargetsError(
            f"{key}.head: regression: the clips of {dataset} have no targets; expected "
            f"datasets.{dataset}.targets: {{table: scores.csv, columns: [valence]}} "
            "(docs/datasets.md)"
        )
    columns = (section["targets"] or {}).get("columns")
    for name in columns or ():
        if name not in known:
            raise TargetsError(
                f"{key}.targets.columns: found {name!r}, expected a target of {dataset} "
                f"({listed(known)}){did_you_mean(name, known)}"
            )
    return tuple(columns or known)


def vlm_section(config: Mapping[str, Any], family: str = FAMILIES[0]) -> dict[str, Any]:
    """Return the options of one of the trained models: `vlm` with what its family changes.

    Args:
        config: the whole configuration, checked; what is null in `vlm` is as in `mlp`.
        family: one of `FAMILIES`.
    """
    section = {name: value for name, value in config["vlm"].items() if name != "qwen"}
    if family == "qwen":
        section |= config["vlm"]["qwen"]
    section["family"] = family
    if section["inputs"] is None:
        section["inputs"] = config["mlp"]["inputs"]
    if section["mirror"] is None:
        fusion = config["mlp"]["fusion"]
        section["mirror"] = bool(fusion and fusion["mirror"])
    return section


def model_params(
    section: Mapping[str, Any], *, control: str, stage: str, targets: Sequence[str] = ()
) -> dict[str, Any]:
    """Return everything in the section that decides the result of one training.

    What only decides where it runs (GPUs, threads) is left out; see also `deciding`.

    Args:
        section: of `vlm_section`.
        control: `full` or one of `CONTROLS`.
        stage: one of `STAGES`.
        targets: names of what `regression` predicts, see `chosen_targets`.

    Returns:
        the mappings `model` (keyword arguments of `facewave.vlm.faces.options.ModelOptions`),
        `inputs`, `training` (of
        `TrainingOptions`) and `stage`.
    """
    model: dict[str, Any] = with_pin({name: section[name] for name in _MODEL})
    if section["image"] == "both" and section["family"] == "paligemma":
        model["frames"] *= 2
    if "max_pixels" in section:
        model["max_pixels"] = section["max_pixels"]
    inputs: dict[str, Any] = {name: section[name] for name in _INPUTS}
    inputs |= {"shuffle_faces": False, "groups": list(section["inputs"])}
    for name, value in _CONTROLLED[control].items():
        (inputs if name in inputs else model)[name] = value
    model["prompt"] = _prompt(section["prompt"], model, text=inputs["use_text"])
    options = section["stages"][stage]
    if section["head"] == "regression":
        model["targets"] = list(targets)
        model["regression_loss"] = (section["targets"] or {}).get("loss", "mse")
    model["gradient_checkpointing"] = section["gradient_checkpointing"]
    # Both stages hold the same modules, so that one can start from the other's weights.
    projected = any("projector" in part["train"] for part in section["stages"].values())
    model["projector"] = projected and model.get("use_image", True)
    training = {name: section[name] for name in TRAINING}
    training["epochs"] = options["epochs"]
    training["learning_rate"] = options["learning_rate"] or section["learning_rate"]
    # The first stage takes its clips from the beginning of an order, whatever the second takes.
    before = STAGES[: STAGES.index(stage) + 1]
    shares = {name: section["stages"][name]["share"] for name in before}
    score = {}
    if section["head"] == "regression":
        score = {"score": (section["targets"] or {}).get("score", "mae")}
    return {
        "model": model,
        "inputs": inputs,
        "training": training,
        "stage": {
            "name": stage,
            "train": options["train"],
            "shares": shares,
            "class_weights": section["class_weights"],
            **score,
        },
    }


def deciding(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return of `model_params` what decides the result: a change of the rest reruns nothing."""
    return {
        part: {name: value for name, value in given.items() if name not in _SPEED.get(part, ())}
        for part, given in options.items()
    }


def speed_of(options: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return of `model_params` what `deciding` leaves out."""
    return {part: {name: options[part][name] for name in names} for part, names in _SPEED.items()}


def with_speed(
    options: Mapping[str, Mapping[str, Any]], speed: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Put together again what `deciding` and `speed_of` returned."""
    return {part: {**given, **speed.get(part, {})} for part, given in options.items()}


def _prompt(prompt: str, model: Mapping[str, Any], *, text: bool) -> str:
    """Return the template; of the named ones the variant for real values, and with the text."""
    if prompt == "question" and model["head"] == "regression":
        prompt = "ratings"
    return f"{prompt}_text" if text and prompt in ("question", "ratings") else prompt


def untrained(vlm: str) -> str:
    """Return the name under which a model of `vlm` is asked before it is trained."""
    return f"untrained_{vlm}"


def evaluation_folder(vlm: str, stage: str) -> str:
    """Return the folder of a stage's scores, below `evaluation`."""
    return f"zero_shot/{untrained(vlm)}" if stage == "zero_shot" else f"{vlm}/full/{stage}"


def model_name(section: Mapping[str, Any]) -> str:
    """Return what pages call a trained model."""
    toy = " at toy size, random weights" if section["model"] in TOYS else ""
    return _NAMES[section["family"]] + toy


def shown_models(section: Mapping[str, Any]) -> dict[str, str]:
    """Return which stages of the model the report shows: title to stage."""
    name = model_name(section)
    return {f"{name}: {_TITLES[stage]}": stage for stage in _TITLES if stage in section["report"]}


def has_toys(section: Mapping[str, Any]) -> bool:
    """Tell whether a report shows a toy of the section `vlm`: a model with random weights."""
    return any(own["report"] and own["model"] in TOYS for own in (section, section["qwen"]))


_HOW = (
    "frame_choice",
    "prompt",
    "use_text",
    "face_words",
    "scoring",
    "max_new_tokens",
    "batch_size",
)


def zero_shot_params(section: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return everything in `zero_shot` that decides the answers of a model.

    Args:
        section: `zero_shot`, checked.
        name: a key of its `models`.
    """
    model = with_pin(section["models"][name])
    model |= {"dtype": section["dtype"], "max_pixels": section["max_pixels"]}
    return {"model": model, **{key: section[key] for key in _HOW}}


def one_image(section: Mapping[str, Any]) -> str:
    """Return what a single image per chosen frame shows (`ClipReader.image`)."""
    if section["image"] != "both":
        return str(section["image"])
    return "beside" if section["family"] == "qwen" else "frame"


def untrained_params(section: Mapping[str, Any], *, max_new_tokens: int) -> dict[str, Any]:
    """Return the same for the model of `vlm` before training, with the question of its training.

    Args:
        section: of `vlm_section`; not with `head: regression`.
        max_new_tokens: of a generated answer.
    """
    names = ("model", "revision", "dtype", "frames", "max_pixels")
    prompt = section["prompt"]
    templates = TEMPLATES if section["family"] == "paligemma" else CHAT_TEMPLATES
    return {
        "model": with_pin({name: section[name] for name in names if name in section}),
        "frame_choice": section["frame_choice"],
        "image": one_image(section),
        # `vlm` names templates of its own.
        "prompt": prompt if prompt == "question" else templates.get(prompt, prompt),
        "use_text": section["use_text"],
        "text_tokens": section["text_tokens"],
        "face_words": False,
        "scoring": "answer" if section["head"] == "generate" else "likelihood",
        "max_new_tokens": max_new_tokens,
        "batch_size": section["batch_size"],
    }


def annotation_params(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything in `annotate` that decides the descriptions and their checks."""
    elsewhere = ("dataset", "examples", "gpus", "threads")
    return with_pin({name: value for name, value in section.items() if name not in elsewhere})


def shown_zero_shot(section: Mapping[str, Any]) -> dict[str, str]:
    """Return which zero-shot models the report shows: title to folder below `evaluation`."""
    if not section["report"]:
        return {}
    return {
        f"{name}, zero-shot{_toy(section['models'][name])}": f"zero_shot/{name}"
        for name in section["enabled"]
    }


def _toy(model: Mapping[str, Any]) -> str:
    return " (toy size, random weights)" if model["model"] in TOYS else ""
