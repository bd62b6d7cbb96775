"""What every speech recogniser is to the rest: `Engine`, and the `Answer` that it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from facewave.speech.sound import Samples


@dataclass(frozen=True)
class Answer:
    """What was heard.

    Attributes:
        text: on one line; empty where no word was heard.
        confidence: mean probability of its words (PocketSphinx) or tokens (Whisper), 0 to 1, as
            the engine itself estimates them; None without words.
    """

    text: str
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A recogniser that is not loaded yet.

    Attributes:
        name: see `ENGINES`.
        model: what answers: of PocketSphinx the acoustic model, of Whisper the checkpoint.
        revision: of the model: a release, a commit, or the digest of its weights.
        language: that it expects; None where it finds out.
        load: loads it; what it returns hears a window of at most 30 s.
    """

    name: str
    model: str
    revision: str
    language: str | None
    load: Callable[[], Callable[[Samples], Answer]]
