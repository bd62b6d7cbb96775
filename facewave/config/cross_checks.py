"""Checks of the sections `zero_shot` and `annotate` that compare their keys with others."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from facewave.messages import did_you_mean, found, listed
from facewave.prompts.questions import (
    TEMPLATES,
    TIMED_LAYOUTS,
    PromptError,
    chat_template,
    reads_text,
)


def asked_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line a problem; a section whose keys have wrong types yields what can be said."""
    yield from _annotation_problems(config)
    section, wavelet = config.get("zero_shot"), config.get("wavelet")
    if isinstance(section, Mapping):
        models, trained = section.get("models"), config.get("fine_tune")
        yield from _unknown_models(section.get("enabled"), models, "zero_shot.enabled")
        if isinstance(trained, Mapping):
            yield from _unknown_models(trained.get("models"), models, "fine_tune.models")
        shown = section.get("use_text") is True or section.get("face_words") is True
        yield from _prompt_problems(section.get("prompt"), text=shown, key="zero_shot.prompt")
        layout = wavelet.get("layout") if isinstance(wavelet, Mapping) else None
        if section.get("face_words") is True and layout not in TIMED_LAYOUTS:
            yield (
                f"zero_shot.face_words: found true, expected false with wavelet.layout: {layout} "
                f"(its coefficients do not follow each other in time; {listed(TIMED_LAYOUTS)} do)"
            )


def _annotation_problems(config: Mapping[str, Any]) -> Iterator[str]:
    section, enabled = config.get("annotate"), config.get("enabled")
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
        yield "annotate.examples: found the dataset that is described, expected another or null"
    least, most = section.get("min_words"), section.get("max_words")
    if isinstance(least, int) and isinstance(most, int) and least > most and most is not True:
        yield f"annotate.min_words: found {least}, expected at most annotate.max_words ({most})"


def _prompt_problems(prompt: object, *, text: bool, key: str) -> Iterator[str]:
    if isinstance(prompt, str) and prompt:
        try:
            chat_template(prompt, text=text, key=key)
        except PromptError as error:
            yield str(error)


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


# Sources of texts that the workflow makes, and their tables below a dataset's folder; any other
# source is the path of a table.
MADE = {
    "transcripts": "transcripts.parquet",
    "annotations": "annotations/annotations.parquet",
}


def text_problems(transcripts: object, export_chat: object) -> Iterator[str]:
    """Yield one line a problem; a section whose keys have wrong types yields what can be said."""
    if isinstance(transcripts, Mapping) and transcripts.get("engine") == "pocketsphinx":
        language = transcripts.get("language")
        if language not in (None, "en"):
            yield (
                f"transcripts.language: found {language!r}, expected en or null with engine: "
                "pocketsphinx (its model is of US English)"
            )
    if isinstance(export_chat, Mapping) and isinstance(export_chat.get("prompt"), str):
        try:
            chat_template(
                export_chat["prompt"],
                text=export_chat.get("use_text") is True,
                key="export_chat.prompt",
            )
        except PromptError as error:
            yield str(error)


def source_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line a problem of the datasets' `texts`: sources that are not made for them."""
    datasets, enabled, annotate = config["datasets"], config["enabled"], config["annotate"]
    if not isinstance(datasets, Mapping) or not isinstance(enabled, list):
        return
    described = annotate.get("dataset") if isinstance(annotate, Mapping) else None
    made = {name: _made(options) for name, options in datasets.items()}
    for name, source in made.items():
        if source == "annotations" and name != described:
            yield (
                f"datasets.{name}.texts.from: found annotations, expected annotate.dataset: {name} "
                f"(it is {described or 'null'}); what an earlier run wrote is joined by its path"
            )
    for name in enabled:
        options = datasets.get(name) if isinstance(name, str) else None
        members = options.get("datasets") if isinstance(options, Mapping) else None
        for member in members if isinstance(members, list) else []:
            if isinstance(member, str) and made.get(member) and member not in enabled:
                yield (
                    f"enabled: found {listed(map(str, enabled))}, expected {member} as well: the "
                    f"clips of {name} take its {made[member]}"
                )


def _made(options: object) -> str | None:
    """Return which of the workflow's own texts a dataset takes."""
    texts = options.get("texts") if isinstance(options, Mapping) else None
    source = texts.get("from") if isinstance(texts, Mapping) else None
    return source if isinstance(source, str) and source in MADE else None


def vlm_problems(section: object) -> Iterator[str]:
    """Yield one line a problem; a section whose keys have wrong types yields what can be said."""
    if not isinstance(section, Mapping):
        return
    width, heads = section.get("width"), section.get("heads")
    if _whole(width) and _whole(heads) and width % heads:
        yield f"vlm.width: found {width}, expected a multiple of vlm.heads ({heads})"
    yield from _vlm_prompt_problems(section.get("prompt"), section.get("use_text"))
    yield from _stage_problems(section.get("stages"), section.get("lora_rank"))
    head = section.get("head")
    report = section.get("report")
    for name in report if isinstance(report, list) else []:
        if head == "regression" and name not in ("adaptation", "fine_tuning"):
            yield f"vlm.report: found {name!r}, expected adaptation or fine_tuning with regression"
        elif head == "generate" and name == "fusion":
            yield "vlm.report: found 'fusion', expected none with head: generate (only text)"


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
        yield "vlm.prompt: found a template without {text}, expected one with vlm.use_text: true"


def _stage_problems(stages: object, lora_rank: object) -> Iterator[str]:
    if not isinstance(stages, Mapping):
        return
    options = {name: part for name, part in stages.items() if isinstance(part, Mapping)}
    # A share that is none by itself is named by the schema.
    shares = [part["share"] for part in options.values() if _share(part.get("share"))]
    if sum(shares) > 1 + 1e-9:
        yield (
            f"vlm.stages: found shares {' + '.join(map(str, shares))}, expected 1 at most together "
            "(no clip is in both stages)"
        )
    for name, part in options.items():
        modules = part.get("train")
        if isinstance(modules, list) and "lora" in modules and lora_rank == 0:
            yield f"vlm.stages.{name}.train: found lora, expected none with vlm.lora_rank: 0"


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _share(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
