"""Which recogniser answers, of which version, and how it is loaded.

An engine's name, model and revision are part of the key of every answer, so they are known before
anything is loaded; it is loaded only where an answer is missing in the store.
"""

from __future__ import annotations

from dataclasses import dataclass

from facewave.speech.engine import Answer, Engine

ENGINES = ("whisper", "pocketsphinx")


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What decides an answer, beside the sound.

    Attributes:
        engine: see `ENGINES`.
        model: of Whisper: id on the Hugging Face hub, or folder of a checkpoint.
        revision: of Whisper: branch, tag or commit on the hub; None for its default branch.
        language: of Whisper: code of the language that is spoken (`en`); None: it finds out.
    """

    engine: str
    model: str
    revision: str | None = None
    language: str | None = None


def find_engine(options: EngineOptions, *, gpu: bool = False, threads: int = 1) -> Engine:
    """Return the engine of these options.

    Args:
        options: see `EngineOptions`.
        gpu: whether Whisper runs on a CUDA device.
        threads: of Whisper on the CPU.

    Raises:
        WeightsError: if Whisper's weights cannot be had; the message says what to do.
        ImportError: if the engine is not installed; the message says how to.
        ValueError: if there is no such engine.
    """
    if options.engine == "pocketsphinx":
        from facewave.speech.pocketsphinx import pocketsphinx_engine

        return pocketsphinx_engine()
    if options.engine == "whisper":
        from facewave.speech.whisper import whisper_engine

        return whisper_engine(
            options.model,
            revision=options.revision,
            language=options.language,
            gpu=gpu,
            threads=threads,
        )
    raise ValueError(f"transcripts.engine: {options.engine!r} is none of {', '.join(ENGINES)}")


def joined(answers: list[Answer]) -> Answer:
    """Return the answers to the windows of a clip as one; confidences weigh by words."""
    heard = [answer for answer in answers if answer.text]
    known = [(a.confidence, len(a.text.split())) for a in heard if a.confidence is not None]
    total = sum(words for _, words in known)
    confidence = sum(value * words for value, words in known) / total if total else None
    return Answer(" ".join(answer.text for answer in heard), confidence)
