"""The question that is put to a language model, and the strict reading of its answer.

The classes are listed and one word is asked for. An answer that is not one of them, letter for
letter but for case and surrounding blanks and a full stop, is invalid: it is counted as wrong,
never guessed at.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

# `answer en` is how the instruction-tuned checkpoints of PaliGemma are asked short questions.
TEMPLATES = {
    "question": (
        "answer en Which emotion does the person show? "
        "Answer with one word of this list: {classes}."
    ),
    "question_text": (
        "answer en About the clip: {text} Which emotion does the person show? "
        "Answer with one word of this list: {classes}."
    ),
    "ratings": "answer en Rate the person in the clip: {targets}.",
    "ratings_text": "answer en About the clip: {text} Rate the person in the clip: {targets}.",
}
FIELDS = ("classes", "targets", "text")
_NO_TEXT = "(nothing is known)"


class PromptError(ValueError):
    """A template cannot be used; the message says what to write instead."""


def is_name(prompt: str) -> bool:
    """Tell whether a prompt is a template's name: a single ASCII word. Chinese has no blanks."""
    return prompt.isascii() and prompt.isidentifier()


def template_of(prompt: str) -> str:
    """Return a template by its name, or the given text itself where it is more than a word.

    Raises:
        PromptError: if the name is unknown or the text has fields that do not exist.
    """
    if prompt in TEMPLATES:
        return TEMPLATES[prompt]
    if is_name(prompt):
        raise PromptError(
            f"vlm.prompt: there is no template {prompt!r}; write the whole question or one of "
            f"{', '.join(TEMPLATES)}"
        )
    try:
        fields = {name for _, name, _, _ in string.Formatter().parse(prompt) if name is not None}
    except ValueError as error:
        raise PromptError(f"vlm.prompt: {error}; write {{{{ for a brace") from None
    if unknown := sorted(fields - set(FIELDS)):
        raise PromptError(
            f"vlm.prompt: there is no field {{{unknown[0]}}}; there are "
            f"{', '.join('{' + name + '}' for name in FIELDS)}"
        )
    return prompt


def reads_text(prompt: str) -> bool:
    """Tell whether a template shows the clip's own text (caption, transcript)."""
    return any(name == "text" for _, name, _, _ in string.Formatter().parse(template_of(prompt)))


def render(
    prompt: str,
    *,
    classes: Sequence[str] = (),
    targets: Sequence[str] = (),
    text: str | None = None,
) -> str:
    """Return the question about a clip, on one line.

    Args:
        prompt: see `template_of`.
        classes: class names, in the order in which they are listed.
        targets: names of the values to rate.
        text: the clip's caption or transcript; None where there is none.

    Raises:
        PromptError: if the template cannot be used.
    """
    question = template_of(prompt).format(
        classes=", ".join(classes), targets=", ".join(targets), text=text or _NO_TEXT
    )
    # PaliGemma's prompt ends with the line.
    return " ".join(question.split())


def shorten(text: str, tokenizer: Any, *, tokens: int) -> str:
    """Return the beginning of a text that is at most so many tokens long."""
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if len(ids) <= tokens:
        return text
    shortened: str = tokenizer.decode(ids[:tokens], skip_special_tokens=True)
    return shortened


def parse_answer(answer: str, classes: Sequence[str]) -> int | None:
    """Return the index of the class that an answer names; None if it names none.

    Only case, surrounding blanks and one full stop at the end (`.` or `。`) are forgiven: "Happy."
    is an answer, "happy or sad" and "happiness" are not.
    """
    word = answer.strip()
    word = (word[:-1] if word.endswith((".", "。")) else word).rstrip().casefold()
    for index, name in enumerate(classes):
        if word == name.casefold():
            return index
    return None
