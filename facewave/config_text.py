"""Checks of `transcripts`, `export_chat` and `texts`: what does not go together."""

from collections.abc import Iterator, Mapping
from typing import Any

from facewave.hints import listed
from facewave.vlm.chat_prompts import chat_template
from facewave.vlm.prompts import PromptError

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
