"""Checks of `transcripts` and `export_chat`: keys that do not go together, a wrong template."""

from collections.abc import Iterator, Mapping

from facewave.vlm.chat_prompts import chat_template
from facewave.vlm.prompts import PromptError


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
