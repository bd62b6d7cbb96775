"""Checks of the sections `zero_shot` and `annotate` that compare their keys with others."""

from collections.abc import Iterator, Mapping
from typing import Any

from facewave.hints import did_you_mean, found, listed
from facewave.vlm.chat_prompts import chat_template
from facewave.vlm.prompts import PromptError

# Layouts of the code whose coefficients follow each other in time.
TIMED_LAYOUTS = ("segments", "uniform")


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
