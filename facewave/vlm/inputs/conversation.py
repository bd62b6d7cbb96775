"""A conversation with a model about clips: a question, perhaps after examples with answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from facewave.vlm.inputs.clip_reader import ClipFrames
from facewave.vlm.inputs.kept_frames import FrameSize


@dataclass(frozen=True, kw_only=True, eq=False)
class Turn:
    """A question, and its answer where it is an example.

    Attributes:
        text: the question.
        video: what it is about; None for a question without a video.
        answer: None for the last turn, which the model answers.
    """

    text: str
    video: ClipFrames | None = None
    answer: str | None = None


Conversation = Sequence[Turn]


class ZeroShotModel(Protocol):
    """A pretrained model that answers questions about clips."""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides its answers besides the question: name, commit or digest, dtype."""

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer, of transformers."""

    @property
    def frame_size(self) -> FrameSize:
        """The size in which it takes frames."""

    def answer(
        self, conversations: Sequence[Conversation], *, max_new_tokens: int, seed: int | None
    ) -> list[str]:
        """Return its answers: the likeliest words, or words drawn from a seed."""

    def score(
        self, conversations: Sequence[Conversation], classes: Sequence[str]
    ) -> NDArray[np.float32]:
        """Return the log-probability of each class's name as the answer, float32 (n, C)."""


def check_conversation(conversation: Conversation) -> None:
    """Raise ValueError unless all turns but the last one have an answer."""
    if not conversation:
        raise ValueError("a conversation needs a question")
    for number, turn in enumerate(conversation, start=1):
        last = number == len(conversation)
        if last and turn.answer is not None:
            raise ValueError(f"turn {number} is the last and has an answer: nothing is left to ask")
        if not last and not (turn.answer or "").strip():
            raise ValueError(f"turn {number} is an example without an answer")
