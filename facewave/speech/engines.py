"""Speech recognisers: Whisper and PocketSphinx, which of them answers, and how it is loaded.

An engine's name, model and revision are part of the key of every answer, so they are known before
anything is loaded; it is loaded only if the store lacks an answer.

- Whisper runs through transformers, greedily, from a folder or the Hugging Face cache or hub.
  Radford, A. et al. (2023). Robust speech recognition via large-scale weak supervision. ICML.
- PocketSphinx brings its model of US English in its package and needs no network, but its models
  are far behind Whisper's. Huggins-Daines, D. et al. (2006). PocketSphinx: a free, real-time
  continuous speech recognition system for hand-held devices. ICASSP.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from facewave.pretrained import WeightsError, commit_of, find_weights
from facewave.speech.sound import SAMPLE_RATE, Samples
from facewave.storage.store import file_sha256

ENGINES = ("whisper", "pocketsphinx")
_FULL_SCALE = 32768.0
# Shorter than an analysis window (25.6 ms) there is nothing to decode.
_SHORTEST = SAMPLE_RATE // 10


@dataclass(frozen=True)
class Answer:
    """What an engine heard.

    Attributes:
        text: on one line; empty if no word was heard.
        confidence: mean probability of its words (PocketSphinx) or tokens (Whisper), 0 to 1, as
            the engine itself estimates them; None without words.
    """

    text: str
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A speech recogniser that is not loaded yet.

    Attributes:
        name: see `ENGINES`.
        model: PocketSphinx's acoustic model, or Whisper's checkpoint.
        revision: of the model: a release, a commit, or the digest of its weights.
        language: that it expects; None if it detects the language.
        load: loads it, and returns a function that transcribes a window of at most 30 s.
    """

    name: str
    model: str
    revision: str
    language: str | None
    load: Callable[[], Callable[[Samples], Answer]]


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What decides an answer, besides the sound.

    Attributes:
        engine: see `ENGINES`.
        model: of Whisper: id on the Hugging Face hub, or folder of a checkpoint.
        revision: of Whisper: branch, tag or commit on the hub; None for its default branch.
        language: of Whisper: code of the spoken language (`en`); None: it detects it.
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
        WeightsError: Whisper's weights cannot be had; the message says what to do.
        ImportError: the engine is not installed; the message says how to install it.
        ValueError: there is no such engine.
    """
    if options.engine == "pocketsphinx":
        return pocketsphinx_engine()
    if options.engine == "whisper":
        return whisper_engine(
            options.model,
            revision=options.revision,
            language=options.language,
            gpu=gpu,
            threads=threads,
        )
    raise ValueError(
        f"transcripts.engine: found {options.engine!r}, expected one of {', '.join(ENGINES)}"
    )


def joined(answers: list[Answer]) -> Answer:
    """Return the answers about a clip's windows as one; confidences are weighted by words."""
    heard = [answer for answer in answers if answer.text]
    known = [(a.confidence, len(a.text.split())) for a in heard if a.confidence is not None]
    total = sum(words for _, words in known)
    confidence = sum(value * words for value, words in known) / total if total else None
    return Answer(" ".join(answer.text for answer in heard), confidence)


def whisper_engine(
    model: str, *, revision: str | None, language: str | None, gpu: bool, threads: int
) -> Engine:
    """Return Whisper with the weights of a checkpoint.

    Args:
        model: id on the Hugging Face hub, or folder of a checkpoint.
        revision: branch, tag or commit on the hub; None for its default branch.
        language: code of the spoken language; None: it detects it.
        gpu: whether it runs on a CUDA device, in float16; otherwise on the CPU in float32.
        threads: on the CPU.

    Raises:
        WeightsError: the weights cannot be had.
    """
    folder = find_weights(model, revision=revision, setting="transcripts.model")
    return Engine(
        name="whisper",
        model=model,
        revision=commit_of(folder) or _digest(folder),
        language=language,
        load=partial(_load_whisper, folder, language=language, gpu=gpu, threads=threads),
    )


def _digest(folder: Path) -> str:
    """Return a digest of a checkpoint without a commit, whose files may be replaced."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt"):
            digest.update(f"{path.name} {file_sha256(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _load_whisper(
    folder: Path, *, language: str | None, gpu: bool, threads: int
) -> Callable[[Samples], Answer]:
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    if gpu and not torch.cuda.is_available():
        raise RuntimeError(
            "transcripts.gpus asks for a GPU and there is none that PyTorch can use; set it to 0, "
            "or run the job where there is one"
        )
    if not gpu:
        torch.set_num_threads(threads)
    device, dtype = ("cuda", torch.float16) if gpu else ("cpu", torch.float32)
    processor = WhisperProcessor.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    network = WhisperForConditionalGeneration.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=dtype,
    )
    network.to(device).train(False)
    task = _task(network.generation_config, language, folder)

    @torch.inference_mode()
    def hear(samples: Samples) -> Answer:
        heard = processor.feature_extractor(
            samples.astype(np.float32) / _FULL_SCALE,
            sampling_rate=SAMPLE_RATE,
            return_attention_mask=True,
            return_tensors="pt",
        )
        output = network.generate(
            heard["input_features"].to(device, dtype),
            attention_mask=heard["attention_mask"].to(device),
            do_sample=False,
            num_beams=1,
            return_timestamps=False,
            output_scores=True,
            return_dict_in_generate=True,
            **task,
        )
        text = processor.tokenizer.decode(output.sequences[0], skip_special_tokens=True)
        text = " ".join(text.split())
        return Answer(text, _confidence(output) if text else None)

    return hear


def _task(generation: Any, language: str | None, folder: Path) -> dict[str, str]:
    """Return task and language for a checkpoint; English-only ones know neither."""
    if not getattr(generation, "is_multilingual", False):
        if language not in (None, "en"):
            raise WeightsError(
                f"transcripts.language: {language!r}, but the checkpoint {folder} knows only "
                "English; set it to en, or transcripts.model to one without `.en`"
            )
        return {}
    known = {token[2:-2] for token in generation.lang_to_id}
    if language is not None and language not in known:
        raise WeightsError(
            f"transcripts.language: found {language!r}, expected a language that the checkpoint "
            f"{folder} knows: {', '.join(sorted(known))}"
        )
    return {"task": "transcribe"} | ({} if language is None else {"language": language})


def _confidence(output: Any) -> float:
    """Return the geometric mean of the probabilities of the tokens, 0 to 1."""
    import torch

    logits = torch.stack(output.scores).float()[:, 0]  # (tokens, vocabulary)
    tokens = output.sequences[0, -len(logits) :, None].to(logits.device)
    chosen = torch.log_softmax(logits, dim=-1).gather(1, tokens)
    return math.exp(float(chosen.mean()))


def pocketsphinx_engine() -> Engine:
    """Return PocketSphinx with the US English model of its package.

    Raises:
        ImportError: it is not installed.
    """
    try:
        release = version("pocketsphinx")
    except PackageNotFoundError as error:
        raise ImportError(
            "transcripts.engine is pocketsphinx, which is not installed; install the extra "
            "`speech`: pip install -r requirements-speech.txt (or: make speech)"
        ) from error
    return Engine(
        name="pocketsphinx", model="en-us", revision=release, language="en", load=_load_pocketsphinx
    )


def _load_pocketsphinx() -> Callable[[Samples], Answer]:
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def hear(samples: Samples) -> Answer:
        if samples.size < _SHORTEST:
            return Answer("")
        # The means of the cepstra carry over from one utterance to the next, but an answer must not
        # depend on what was heard before it.
        decoder.reinit_feat()
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), no_search=False, full_utt=True)
        decoder.end_utt()
        return _pocketsphinx_answer(decoder)

    return hear


def _pocketsphinx_answer(decoder: Any) -> Answer:
    found = decoder.hyp()
    if found is None or not found.hypstr:
        return Answer("")
    # Fillers are in brackets: <s>, <sil>, [NOISE], ++BREATH++.
    certain = [part.prob for part in decoder.seg() if part.word[0] not in "<[+"]
    # Probabilities come from rounded logarithms to a base near 1, and can be a little above 1.
    return Answer(found.hypstr, min(1.0, fmean(certain)) if certain else None)
