"""PaliGemma 2 with a face: prefix [soft prefix | face | pictures | prompt], LoRA, and a head.

    face encoder: landmarks (B, K, 478, 3), blendshapes (B, K, 52), valid (B) -> K tokens a clip
    cross-attention 1: face tokens query the prompt's embeddings
    cross-attention 2: face tokens query SigLIP's patches, behind a gate that starts at 0
    linear to the language model's width; all of the prefix sees all of it

Trained are the face modules, the soft prefix, LoRA adapters on the language model's queries and
values and the head, all in float32; the pretrained weights stay as they are.

References:
- A. Steiner et al., "PaliGemma 2: a family of versatile VLMs for transfer", arXiv 2412.03555.
- E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
- B. Lester, R. Al-Rfou, N. Constant, "The power of scale for parameter-efficient prompt tuning",
  EMNLP 2021 (a soft prefix that begins as words of the vocabulary).
"""

from __future__ import annotations

from typing import Any

from facewave.pretrained import commit_of, find_weights
from facewave.vlm.lora import seeded
from facewave.vlm.names import TINY
from facewave.vlm.paligemma.base import pretrained_base, random_base
from facewave.vlm.paligemma.batch import Example as Example
from facewave.vlm.paligemma.batch import collate as collate
from facewave.vlm.paligemma.model import PARTS as PARTS
from facewave.vlm.paligemma.model import FaceVlm as FaceVlm
from facewave.vlm.paligemma.options import ModelOptions as ModelOptions
from facewave.vlm.paligemma.processor import load_processor, tiny_processor
from facewave.vlm.paligemma.toy import tiny_config
from facewave.vlm.training.data import Output as Output


def build_model(options: ModelOptions) -> FaceVlm:
    """Return a model on the CPU, in evaluation mode, with its processor.

    Everything that is not loaded is drawn from `options.seed`; torch's global random state stays.

    Raises:
        WeightsError: if the pretrained weights cannot be had.
        ValueError: if the checkpoint is none of PaliGemma, or class names have the same tokens.
    """
    if options.model == TINY:
        processor = tiny_processor(options.classes or options.targets)
        return random_model(tiny_config(processor), processor, options)
    folder = find_weights(options.model, revision=options.revision)
    processor = load_processor(folder)
    base = pretrained_base(folder, dtype=options.dtype)
    with seeded(options.seed):
        return FaceVlm(base, processor, options, commit=commit_of(folder)).eval()


def random_model(config: Any, processor: Any, options: ModelOptions) -> FaceVlm:
    """Return a model of some `PaliGemmaConfig` whose weights are all drawn from the seed."""
    with seeded(options.seed):
        base = random_base(config, dtype=options.dtype)
        return FaceVlm(base, processor, options).eval()
