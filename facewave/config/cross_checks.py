"""Checks that compare keys of the configuration with each other, in the order of the stages.

The schema has had its say before, but its errors are shown together with these: a section may hold
anything. Each check looks only at values of the type that it expects and leaves the rest to the
schema. Every check yields one line per problem, which starts with the key.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from facewave.config.schema import dataset_items, label_key
from facewave.manifest.class_lists import canonical, preset_classes
from facewave.messages import did_you_mean, found, listed
from facewave.prompts.questions import (
    TEMPLATES,
    TIMED_LAYOUTS,
    PromptError,
    chat_template,
    reads_text,
)

# Sources of texts that the workflow makes, and their tables below a dataset's folder; any other
# source is the path of a table.
MADE = {
    "transcripts": "transcripts.parquet",
    "annotations": "annotations/annotations.parquet",
}
# The workflow renders clips of enabled datasets only, and a joint dataset has no files.
_NOT_JOINED = ("demo", "joint")


def cross_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line per problem of a configuration whose defaults are filled in."""
    yield from _dataset_problems(config)
    yield from _address_problems("landmarker", config["landmarker"])
    yield from _text_source_problems(config)
    yield from _cross_dataset_problems(config)
    yield from _mlp_problems(config)
    yield from _transcript_problems(config["transcripts"])
    yield from _export_problems(config["export_chat"])
    yield from _vlm_problems(config["vlm"])
    yield from _face_problems(config)
    yield from _zero_shot_problems(config)
    yield from _annotation_problems(config)


def unknown_dataset(place: str, name: str, datasets: Mapping[str, Any]) -> str:
    """Return the line about a name at `place` that is not among `datasets`."""
    known = [str(key) for key in datasets]
    wanted = f"a key of `datasets` ({listed(known)})"
    return f"{place}: found {found(name)}, expected {wanted}{did_you_mean(name, known)}"


# Datasets


def _dataset_problems(config: Mapping[str, Any]) -> Iterator[str]:
    datasets, enabled = config["datasets"], config["enabled"]
    if isinstance(datasets, dict) and isinstance(enabled, list):
        for index, name in enumerate(enabled):
            if isinstance(name, str) and name not in datasets:
                yield unknown_dataset(f"enabled[{index}]", name, datasets)
    yield from _class_problems("classes", config["classes"])
    for name, options in dataset_items(config):
        place = f"datasets.{name}"
        yield from _class_problems(f"{place}.classes", options.get("classes"))
        if options.get("classes", ()) is None and not options.get("targets"):
            yield f"{place}.classes: found null, expected a class list, or `targets` beside it"
        names = options.get("label_names")
        if isinstance(names, dict):
            classes = _texts(options.get("classes", config["classes"]))
            yield from _label_name_problems(f"{place}.label_names", names, classes)
        yield from _address_problems(f"{place}.download", options.get("download"))
        yield from _class_map_problems(f"{place}.class_map", options, config["classes"])
        if options.get("adapter") == "joint":
            yield from _joint_problems(f"{place}.datasets", options.get("datasets"), datasets)


def _address_problems(place: str, section: object) -> Iterator[str]:
    """Yield a line if an address begins with http:// and nobody said that it may."""
    if not isinstance(section, Mapping) or section.get("allow_http") is True:
        return
    url = section.get("url")
    if isinstance(url, str) and url.startswith("http://"):
        yield (
            f"{place}.url: found {found(url)}, expected an address that starts with https:// "
            f"(http:// only with {place}.allow_http: true)"
        )


def _class_problems(place: str, classes: object) -> Iterator[str]:
    seen: dict[str, str] = {}
    for word in _texts(classes):
        other = seen.setdefault(word.casefold(), word)
        if other != word:
            yield (
                f"{place}: found {other!r} and {word!r}, expected classes that differ in more "
                "than letter case (labels are compared without it)"
            )


def _label_name_problems(
    place: str, names: Mapping[object, object], classes: list[str]
) -> Iterator[str]:
    seen: dict[str, object] = {}
    for key, word in names.items():
        other = seen.setdefault(label_key(key), key)
        if other != key:
            yield f"{place}: found {other!r} and {key!r}, expected each label once (1.0 means 1)"
        if isinstance(word, str) and word not in classes:
            wanted = f"one of the dataset's classes ({listed(classes)})"
            yield (
                f"{place}.{key}: found {found(word)}, expected {wanted}"
                f"{did_you_mean(word, classes)}"
            )


def _class_map_problems(place: str, options: Mapping[str, Any], general: object) -> Iterator[str]:
    mapped = options.get("class_map")
    if not isinstance(mapped, dict):
        return
    usual = preset_classes(str(options.get("adapter")), options.get("classes_preset"))
    classes = _texts(options.get("classes") or (list(usual) if usual else general))
    known = {canonical(name) for name in classes}
    for key, word in mapped.items():
        if isinstance(word, str) and canonical(word) not in known:
            wanted = f"one of the dataset's classes ({listed(classes)}) or null"
            yield (
                f"{place}.{key}: found {found(word)}, expected {wanted}"
                f"{did_you_mean(word, classes)}"
            )


def _joint_problems(place: str, names: object, datasets: Mapping[str, Any]) -> Iterator[str]:
    for index, name in enumerate(_texts(names)):
        if name not in datasets:
            yield unknown_dataset(f"{place}[{index}]", name, datasets)
        elif isinstance(datasets[name], dict) and datasets[name].get("adapter") in _NOT_JOINED:
            adapter = datasets[name]["adapter"]
            yield (
                f"{place}[{index}]: found {found(name)} with adapter {adapter}, expected a dataset "
                "that is read from files of its own"
            )


def _text_source_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find datasets whose `texts` the workflow would not make for them."""
    datasets, enabled, annotate = config["datasets"], config["enabled"], config["annotate"]
    if not isinstance(datasets, Mapping) or not isinstance(enabled, list):
        return
    described = annotate.get("dataset") if isinstance(annotate, Mapping) else None
    made = {name: _made(options) for name, options in datasets.items()}
    for name, source in made.items():
        if source == "annotations" and name != described:
            yield (
                f"datasets.{name}.texts.from: found annotations with annotate.dataset: "
                f"{described or 'null'}, expected annotate.dataset: {name} (or the path of the "
                "annotations that an earlier run wrote)"
            )
    for name in enabled:
        options = datasets.get(name) if isinstance(name, str) else None
        members = options.get("datasets") if isinstance(options, Mapping) else None
        for member in members if isinstance(members, list) else []:
            if isinstance(member, str) and made.get(member) and member not in enabled:
                yield (
                    f"enabled: found {listed(map(str, enabled))}, expected {member} as well: "
                    f"{name} needs its {made[member]}"
                )


def _made(options: object) -> str | None:
    """Return which of the workflow's own texts a dataset takes."""
    texts = options.get("texts") if isinstance(options, Mapping) else None
    source = texts.get("from") if isinstance(texts, Mapping) else None
    return source if isinstance(source, str) and source in MADE else None


def _cross_dataset_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find datasets to train or test on that cannot be."""
    split, enabled = config["split"], config["enabled"]
    if not isinstance(split, Mapping) or not isinstance(enabled, list):
        return
    named = {side: _texts(split.get(side)) for side in ("train", "test")}
    adapters = {name: options.get("adapter") for name, options in dataset_items(config)}
    own = [name for name in _texts(enabled) if adapters.get(name) != "joint"]
    for side, names in named.items():
        place = f"split.{side}"
        for name in names:
            if name not in own:
                wanted = f"an enabled dataset with clips of its own ({listed(own)})"
                yield f"{place}: found {found(name)}, expected {wanted}{did_you_mean(name, own)}"
        if names and split.get("protocol") != "cross_dataset":
            yield f"{place}: found {listed(names)}, expected it with protocol: cross_dataset alone"
    for name in named["train"]:
        if name in named["test"]:
            yield f"split.test: found {found(name)}, expected no dataset of split.train"
    if split.get("protocol") == "cross_dataset" and (len(own) < 2 or len(own) < len(enabled)):
        yield (
            f"enabled: found {listed(_texts(enabled))}, expected at least two datasets, and no "
            "joint one, with split.protocol: cross_dataset"
        )


# Features and MLP


def _mlp_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find inputs of the network that the features of this configuration do not have."""
    sections = [config[name] for name in ("mlp", "wavelet", "features")]
    if not all(isinstance(section, dict) for section in sections):
        return
    mlp, wavelet, features = sections
    yield from _group_problems("mlp.inputs", mlp.get("inputs"), wavelet, features)
    if mlp.get("head") == "regression":
        yield from _regression_problems(config, mlp)
    fusion = mlp.get("fusion")
    mirrored = isinstance(fusion, dict) and fusion.get("mirror") is True
    if mirrored and features.get("align") == "none" and "landmarks" in _texts(mlp.get("inputs")):
        yield (
            "mlp.fusion.mirror: found true, expected false with features.align: none (landmarks in "
            "image coordinates cannot be mirrored)"
        )


def _group_problems(
    place: str, names: object, wavelet: Mapping[str, Any], features: Mapping[str, Any]
) -> Iterator[str]:
    """Find feature groups that the features of this configuration do not have."""
    for name in _texts(names):
        kind = name.rpartition("_")[2]
        which = f"{place}: found {name!r}, which"
        if name.startswith("pose") and features.get("head_pose") is False:
            yield f"{which} needs features.head_pose: true"
        if kind == "energy" and wavelet.get("energy") is False:
            yield f"{which} needs wavelet.energy: true"
        if kind == "statistics" and wavelet.get("statistics") == []:
            yield f"{which} needs names under wavelet.statistics"


def _face_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Find what `vlm` wants of the face and the features do not have; null is as in `mlp`."""
    vlm, wavelet, features = (config[name] for name in ("vlm", "wavelet", "features"))
    if not all(isinstance(section, Mapping) for section in (vlm, wavelet, features)):
        return
    yield from _group_problems("vlm.inputs", vlm.get("inputs"), wavelet, features)
    if vlm.get("mirror") is True and features.get("align") == "none":
        yield (
            "vlm.mirror: found true, expected false or null with features.align: none (landmarks "
            "in image coordinates cannot be mirrored)"
        )


def _regression_problems(config: Mapping[str, Any], mlp: Mapping[str, Any]) -> Iterator[str]:
    """Find what a network that predicts values cannot do."""
    if mlp.get("soft_labels") is True:
        yield "mlp.soft_labels: found true, expected false with head: regression"
    split = config["split"]
    if isinstance(split, Mapping) and split.get("protocol") == "cross_dataset":
        yield (
            "split.protocol: found cross_dataset, expected another with mlp.head: regression (the "
            "values of different datasets have different scales)"
        )


# Speech and text


def _transcript_problems(section: object) -> Iterator[str]:
    if isinstance(section, Mapping) and section.get("engine") == "pocketsphinx":
        language = section.get("language")
        if language not in (None, "en"):
            yield (
                f"transcripts.language: found {language!r}, expected en or null with engine: "
                "pocketsphinx (its model is of US English)"
            )


def _export_problems(section: object) -> Iterator[str]:
    if isinstance(section, Mapping):
        shown = section.get("use_text") is True
        yield from _prompt_problems(section.get("prompt"), text=shown, key="export_chat.prompt")


def _prompt_problems(prompt: object, *, text: bool, key: str) -> Iterator[str]:
    if isinstance(prompt, str) and prompt:
        try:
            chat_template(prompt, text=text, key=key)
        except PromptError as error:
            yield str(error)


# Vision-language models


def _vlm_problems(section: object) -> Iterator[str]:
    if not isinstance(section, Mapping):
        return
    width, heads = section.get("width"), section.get("heads")
    if _whole(width) and _whole(heads) and width % heads:
        yield f"vlm.width: found {width}, expected a multiple of vlm.heads ({heads})"
    yield from _vlm_prompt_problems(section.get("prompt"), section.get("use_text"))
    yield from _stage_problems(section.get("stages"), section.get("lora_rank"))
    head = section.get("head")
    for name in _texts(section.get("report")):
        if head == "regression" and name not in ("adaptation", "fine_tuning"):
            yield f"vlm.report: found {name!r}, expected adaptation or fine_tuning with regression"
        elif head == "generate" and name == "fusion":
            yield (
                "vlm.report: found 'fusion', expected none with head: generate (it gives text, no "
                "probabilities)"
            )


def _vlm_prompt_problems(prompt: object, use_text: object) -> Iterator[str]:
    if not isinstance(prompt, str) or not prompt:
        return
    try:
        shown = reads_text(prompt)
    except PromptError as error:
        yield str(error)
        return
    # The named templates have a second form, with the text.
    if use_text is True and not shown and prompt not in TEMPLATES:
        yield "vlm.prompt: found a template without {text}, which vlm.use_text: true needs"


def _stage_problems(stages: object, lora_rank: object) -> Iterator[str]:
    if not isinstance(stages, Mapping):
        return
    options = {name: part for name, part in stages.items() if isinstance(part, Mapping)}
    # A share that is not a fraction is named by the schema.
    shares = [part["share"] for part in options.values() if _fraction(part.get("share"))]
    if sum(shares) > 1 + 1e-9:
        yield (
            f"vlm.stages: found the shares {' + '.join(map(str, shares))}, which are more than 1 "
            "together (no clip is in both stages); make them smaller"
        )
    for name, part in options.items():
        modules = part.get("train")
        if isinstance(modules, list) and "lora" in modules and lora_rank == 0:
            yield f"vlm.stages.{name}.train: found lora, which needs vlm.lora_rank above 0"


def _zero_shot_problems(config: Mapping[str, Any]) -> Iterator[str]:
    section, wavelet = config["zero_shot"], config["wavelet"]
    if not isinstance(section, Mapping):
        return
    models = section.get("models")
    yield from _unknown_models(section.get("enabled"), models, "zero_shot.enabled")
    shown = section.get("use_text") is True or section.get("face_words") is True
    yield from _prompt_problems(section.get("prompt"), text=shown, key="zero_shot.prompt")
    layout = wavelet.get("layout") if isinstance(wavelet, Mapping) else None
    if section.get("face_words") is True and layout not in TIMED_LAYOUTS:
        yield (
            f"zero_shot.face_words: found true, expected false with wavelet.layout: {layout} "
            f"(its coefficients do not follow each other in time; {listed(TIMED_LAYOUTS)} do)"
        )


def _unknown_models(names: object, models: object, place: str) -> Iterator[str]:
    if not isinstance(names, list) or not isinstance(models, Mapping):
        return
    known = [str(name) for name in models]
    for index, name in enumerate(names):
        if isinstance(name, str) and name not in models:
            yield (
                f"{place}[{index}]: found {found(name)}, expected a key of `zero_shot.models` "
                f"({listed(known)}){did_you_mean(name, known)}"
            )


def _annotation_problems(config: Mapping[str, Any]) -> Iterator[str]:
    section, enabled = config["annotate"], config["enabled"]
    if not isinstance(section, Mapping) or not isinstance(enabled, list):
        return
    yield from _prompt_problems(section.get("prompt"), text=False, key="annotate.prompt")
    for key in ("dataset", "examples"):
        name = section.get(key)
        if isinstance(name, str) and name not in enabled:
            yield (
                f"annotate.{key}: found {found(name)}, expected a dataset of `enabled` "
                f"({listed(map(str, enabled))})"
            )
    if section.get("dataset") is not None and section.get("dataset") == section.get("examples"):
        yield "annotate.examples: found annotate.dataset itself, expected another or null"
    least, most = section.get("min_words"), section.get("max_words")
    if isinstance(least, int) and isinstance(most, int) and least > most and most is not True:
        yield f"annotate.min_words: found {least}, expected at most annotate.max_words ({most})"


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _fraction(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
