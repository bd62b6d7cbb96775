"""Checks of the section `vlm` that compare its keys with each other."""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from facewave.vlm.prompts import TEMPLATES, PromptError, reads_text


def vlm_problems(section: object) -> Iterator[str]:
    """Yield one line a problem; a section whose keys have wrong types yields what can be said."""
    if not isinstance(section, Mapping):
        return
    width, heads = section.get("width"), section.get("heads")
    if _whole(width) and _whole(heads) and width % heads:
        yield f"vlm.width: found {width}, expected a multiple of vlm.heads ({heads})"
    yield from _prompt_problems(section.get("prompt"), section.get("use_text"))
    yield from _stage_problems(section.get("stages"), section.get("lora_rank"))
    head = section.get("head")
    report = section.get("report")
    for name in report if isinstance(report, list) else []:
        if head == "regression" and name not in ("adaptation", "fine_tuning"):
            yield f"vlm.report: found {name!r}, expected adaptation or fine_tuning with regression"
        elif head == "generate" and name == "fusion":
            yield "vlm.report: found 'fusion', expected none with head: generate (only text)"


def _prompt_problems(prompt: object, use_text: object) -> Iterator[str]:
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
