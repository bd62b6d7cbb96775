"""Whisper as transformers has it, greedy, from a folder or the Hugging Face cache or hub.

Radford, A. et al. (2023). Robust speech recognition via large-scale weak supervision. ICML.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from facewave.pretrained import WeightsError, commit_of, find_weights
from facewave.speech.engine import Answer, Engine
from facewave.speech.sound import SAMPLE_RATE, Samples
from facewave.storage.store import file_sha256

_FULL_SCALE = 32768.0


def whisper_engine(
    model: str, *, revision: str | None, language: str | None, gpu: bool, threads: int
) -> Engine:
    """Return Whisper with the weights of a checkpoint.

    Args:
        model: id on the Hugging Face hub, or folder of a checkpoint.
        revision: branch, tag or commit on the hub; None for its default branch.
        language: code of the language that is spoken; None: it finds out.
        gpu: whether it runs on a CUDA device, in float16; else on the CPU in float32.
        threads: on the CPU.

    Raises:
        WeightsError: if the weights cannot be had.
    """
    folder = find_weights(model, revision=revision, setting="transcripts.model")
    return Engine(
        name="whisper",
        model=model,
        revision=commit_of(folder) or _digest(folder),
        language=language,
        load=partial(_load, folder, language=language, gpu=gpu, threads=threads),
    )


def _digest(folder: Path) -> str:
    """Return a digest of a checkpoint that has no commit: its files may be replaced."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".safetensors", ".txt"):
            digest.update(f"{path.name} {file_sha256(path)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def _load(
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
    processor = WhisperProcessor.from_pretrained(folder, local_files_only=True)
    network = WhisperForConditionalGeneration.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype
    )
    network.to(device).train(False)
    asked = _asked(network.generation_config, language, folder)

    @torch.inference_mode()
    def hear(samples: Samples) -> Answer:
        heard = processor.feature_extractor(
            samples.astype(np.float32) / _FULL_SCALE,
            sampling_rate=SAMPLE_RATE,
            return_attention_mask=True,
            return_tensors="pt",
        )
        said = network.generate(
            heard["input_features"].to(device, dtype),
            attention_mask=heard["attention_mask"].to(device),
            do_sample=False,
            num_beams=1,
            return_timestamps=False,
            output_scores=True,
            return_dict_in_generate=True,
            **asked,
        )
        text = processor.tokenizer.decode(said.sequences[0], skip_special_tokens=True)
        text = " ".join(text.split())
        return Answer(text, _confidence(said) if text else None)

    return hear


def _asked(generation: Any, language: str | None, folder: Path) -> dict[str, str]:
    """Return what is asked of a checkpoint; those of English alone know no languages and tasks."""
    if not getattr(generation, "is_multilingual", False):
        if language not in (None, "en"):
            raise WeightsError(
                f"transcripts.language: {language!r}, but the checkpoint {folder} knows English "
                "alone; set it to en, or transcripts.model to one without `.en`"
            )
        return {}
    known = {token[2:-2] for token in generation.lang_to_id}
    if language is not None and language not in known:
        raise WeightsError(
            f"transcripts.language: {language!r} is none that the checkpoint {folder} knows; there "
            f"are {', '.join(sorted(known))}"
        )
    return {"task": "transcribe"} | ({} if language is None else {"language": language})


def _confidence(said: Any) -> float:
    """Return the geometric mean of the probabilities of the tokens, 0 to 1."""
    import torch

    logits = torch.stack(said.scores).float()[:, 0]  # (tokens, vocabulary)
    tokens = said.sequences[0, -len(logits) :, None].to(logits.device)
    chosen = torch.log_softmax(logits, dim=-1).gather(1, tokens)
    return math.exp(float(chosen.mean()))
