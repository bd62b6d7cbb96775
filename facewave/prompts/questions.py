"""The questions that a language model is asked, and the strict reading of its answer.

The classes are listed and one word is asked for. Apart from letter case, surrounding blanks and a
full stop, an answer must be one of them letter for letter. Any other answer is invalid: it counts
as wrong, and nothing is guessed.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

# Of PaliGemma, whose instruction-tuned checkpoints expect short questions to begin so.
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
# Of models that chat. `{text}`: the caption of the clip, or the words about its face.
CHAT_TEMPLATES = {
    "question": (
        "Which emotion does the person in the video show? Answer with exactly one word of this "
        "list and nothing else: {classes}."
    ),
    "question_text": (
        "About the video: {text} Which emotion does the person in the video show? Answer with "
        "exactly one word of this list and nothing else: {classes}."
    ),
    "annotation": (
        "Describe the video in two or three plain English sentences: the person's face (brows, "
        "eyes, mouth and how they move), the body (posture, gestures) and the scene (place, other "
        "people, light). Say only what can be seen. Do not name or guess any emotion, mood or "
        "feeling."
    ),
    "annotation_zh": (
        "请用两三句简单的中文描述这段视频：人物的面部（眉毛、眼睛、嘴巴以及它们的动作）、身体（姿势、手势）"
        "和场景（地点、其他人、光线）。只写看得见的内容，不要说出或猜测任何情绪、心情或感受。"
    ),
}
# Of models that chat, for the head `regression`.
CHAT_RATINGS = {
    "ratings": "Rate the person in the video: {targets}.",
    "ratings_text": "About the video: {text} Rate the person in the video: {targets}.",
}
# Layouts of the code whose coefficients follow each other in time: only these can be put in words.
TIMED_LAYOUTS = ("segments", "uniform")
FIELDS = ("classes", "targets", "text")
_NO_TEXT = "(nothing is known)"


class PromptError(ValueError):
    """A template cannot be used; the message says what to write instead."""


def is_name(prompt: str) -> bool:
    """Tell whether a prompt is a template's name: one ASCII word. Chinese has no blanks."""
    return prompt.isascii() and prompt.isidentifier()


def template_of(prompt: str) -> str:
    """Return the template of PaliGemma with this name, or the given text if it is not a name.

    Raises:
        PromptError: the name is unknown, or the text has fields that do not exist.
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


def chat_template(prompt: str, *, text: bool, key: str = "zero_shot.prompt") -> str:
    """Return the chat template with this name, or the given text if it is not a name.

    Args:
        prompt: a name of `CHAT_TEMPLATES`, or a template written by the user.
        text: whether the question holds the clip's text or the words about its face.
        key: of the configuration, for messages.

    Raises:
        PromptError: there is no such name, fields are unknown, or the user's template has no
            place for the text.
    """
    if prompt in CHAT_TEMPLATES:
        return CHAT_TEMPLATES[f"{prompt}_text" if text and prompt == "question" else prompt]
    if is_name(prompt):
        raise PromptError(
            f"{key}: there is no template {prompt!r}; write the whole question or one of "
            f"{', '.join(CHAT_TEMPLATES)}"
        )
    try:
        shown = reads_text(prompt)
    except PromptError as error:
        raise PromptError(str(error).replace("vlm.prompt", key, 1)) from None
    if text and not shown:
        raise PromptError(
            f"{key}: the question should hold the clip's text or the words about its face, but the "
            "template has no {text}: write it where they belong"
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
        text: the clip's caption or transcript; None if it has none.

    Raises:
        PromptError: the template cannot be used.
    """
    question = template_of(prompt).format(
        classes=", ".join(classes), targets=", ".join(targets), text=text or _NO_TEXT
    )
    # PaliGemma's prompt ends with the line.
    return " ".join(question.split())


def shorten(text: str, tokenizer: Any, *, tokens: int) -> str:
    """Return the beginning of a text, at most `tokens` tokens."""
    ids = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    if len(ids) <= tokens:
        return text
    shortened: str = tokenizer.decode(ids[:tokens], skip_special_tokens=True)
    return shortened


def parse_answer(answer: str, classes: Sequence[str]) -> int | None:
    """Return the index of the class that an answer names; None if it names none.

    Only letter case, surrounding blanks and one full stop at the end (`.` or `。`) are ignored:
    "Happy." is an answer, "happy or sad" and "happiness" are not.
    """
    word = answer.strip()
    word = (word[:-1] if word.endswith((".", "。")) else word).rstrip().casefold()
    for index, name in enumerate(classes):
        if word == name.casefold():
            return index
    return None
