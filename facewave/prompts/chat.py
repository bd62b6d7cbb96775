"""Questions to a model that chats: which emotion, and what a clip shows in words."""

from __future__ import annotations

from facewave.prompts.questions import PromptError, is_name, reads_text

# Layouts of the code whose coefficients follow each other in time: only these can be told in words.
TIMED_LAYOUTS = ("segments", "uniform")
# `{text}`: what else is known of the clip, its caption or the words about its face.
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


def chat_template(prompt: str, *, text: bool, key: str = "zero_shot.prompt") -> str:
    """Return a template by its name, or the given one; with the clip's text where it is wanted.

    Args:
        prompt: a name of `CHAT_TEMPLATES`, or a template of one's own.
        text: whether the clip's text or the words about its face are wanted.
        key: of the configuration, for messages.

    Raises:
        PromptError: if there is no such name, fields are unknown, or a template of one's own has
            no place for the text.
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
            f"{key}: the clip's text or the words about its face are wanted, but the template has "
            "no {text}: write where they belong"
        )
    return prompt
