"""The zero-shot models by name: Qwen2.5-VL, PaliGemma 2, and their toys."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.pretrained import WeightsError, find_weights, weights_identity
from facewave.vlm.checkpoints import model_family as checkpoint_family
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.inputs.conversation import Conversation, ZeroShotModel, check_conversation
from facewave.vlm.inputs.kept_frames import FrameSize
from facewave.vlm.plan import TINY, TINY_QWEN

# Prompts are given as a whole: the template is only the text.
_WHOLE_TEXT, _MANY_TOKENS = "{text}", 4096


@dataclass(frozen=True, kw_only=True)
class ZeroShotOptions:
    """Which model answers, and in which dtype.

    Attributes:
        model: id on the Hugging Face hub, folder of a checkpoint, `tiny-random` or
            `tiny-random-qwen`.
        revision: branch, tag or commit of the hub's repository; ignored for folders.
        dtype: `bfloat16` or `float32`.
        frames: images per clip.
        max_pixels: of a frame, where the model takes any size.
        seed: of the toys' weights.
    """

    model: str
    revision: str | None = None
    dtype: str = "bfloat16"
    frames: int = 8
    max_pixels: int = 448 * 448
    seed: int = 0


def model_family(options: ZeroShotOptions) -> tuple[str, Path | None]:
    """Return `qwen` or `paligemma`, and the folder of the weights; None for the toys.

    Raises:
        WeightsError: the weights cannot be had, or are another model's.
    """
    if options.model in (TINY, TINY_QWEN):
        return "qwen" if options.model == TINY_QWEN else "paligemma", None
    try:
        folder = find_weights(options.model, revision=options.revision)
    except WeightsError as error:
        # Here the keys are those of another section.
        words = str(error).replace("vlm.model", "`model`").replace("vlm.revision", "`revision`")
        raise WeightsError(words) from error
    return checkpoint_family(folder, setting="`model`"), folder


def find_model(
    options: ZeroShotOptions, classes: Sequence[str], *, gpus: int
) -> tuple[str, LazyModel]:
    """Return a model's family, and the model, which is loaded when it is first needed.

    Args:
        options: which model.
        classes: names of the possible answers.
        gpus: 0 for the CPU.

    Raises:
        WeightsError: the weights cannot be had, or are another model's.
        ValueError: a GPU is wanted and there is none; on loading, the checkpoint is incomplete.
    """
    if gpus and not torch.cuda.is_available():
        raise ValueError(
            "gpus is 1, but torch sees no GPU here: set gpus: 0 to compute on the CPU, or install "
            "a build of torch with CUDA"
        )
    device = torch.device("cuda", 0) if gpus else torch.device("cpu")
    family, folder = model_family(options)
    identity: dict[str, Any] = {"model": options.model, "dtype": options.dtype}
    identity |= (
        {"seed": options.seed, "classes": list(classes)}
        if folder is None
        else weights_identity(folder)
    )
    load: Callable[[], ZeroShotModel]
    if family == "qwen":
        identity["max_pixels"] = options.max_pixels
        load = partial(_qwen, options, classes, folder, identity, device)
    else:
        load = partial(_paligemma, options, classes, identity, device)
    return family, LazyModel(identity=identity, load=load)


@dataclass(frozen=True, kw_only=True, eq=False)
class LazyModel:
    """A model that is loaded when first needed: never if the store holds all its answers.

    Attributes:
        identity: of the model (see `ZeroShotModel`).
        load: loads it.
    """

    identity: dict[str, Any]
    load: Callable[[], ZeroShotModel]
    _lock: Lock = field(default_factory=Lock)

    @property
    def loaded(self) -> ZeroShotModel:
        """The model itself; threads that prepare questions may ask for it, too."""
        with self._lock:
            return self._loaded

    @cached_property
    def _loaded(self) -> ZeroShotModel:
        return self.load()

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.loaded.tokenizer

    @property
    def frame_size(self) -> FrameSize:
        """See `ZeroShotModel`."""
        return self.loaded.frame_size

    def answer(
        self, conversations: Sequence[Conversation], *, max_new_tokens: int, seed: int | None
    ) -> list[str]:
        """See `ZeroShotModel`."""
        return self.loaded.answer(conversations, max_new_tokens=max_new_tokens, seed=seed)

    def score(
        self, conversations: Sequence[Conversation], classes: Sequence[str]
    ) -> NDArray[np.float32]:
        """See `ZeroShotModel`."""
        return self.loaded.score(conversations, classes)


def _qwen(
    options: ZeroShotOptions,
    classes: Sequence[str],
    folder: Path | None,
    identity: dict[str, Any],
    device: torch.device,
) -> ZeroShotModel:
    from facewave.vlm.qwen.model import load_qwen, tiny_qwen

    if folder is None:
        qwen = tiny_qwen(
            classes, seed=options.seed, dtype=options.dtype, max_pixels=options.max_pixels
        )
        qwen.identity.update(identity)
    else:
        qwen = load_qwen(
            folder, identity=identity, dtype=options.dtype, max_pixels=options.max_pixels
        )
    qwen.base.to(device)
    return qwen


def _paligemma(
    options: ZeroShotOptions, classes: Sequence[str], identity: dict[str, Any], device: torch.device
) -> ZeroShotPaliGemma:
    from facewave.vlm.paligemma.build import build_model

    model = build_model(
        ModelOptions(
            model=options.model,
            revision=options.revision,
            dtype=options.dtype,
            classes=tuple(classes),
            frames=options.frames,
            prompt=_WHOLE_TEXT,
            text_tokens=_MANY_TOKENS,
            seed=options.seed,
            use_face=False,
            soft_prefix=0,
            lora_rank=0,
        )
    ).to(device)
    return ZeroShotPaliGemma(model=model, identity=identity, device=device)


@dataclass(frozen=True, kw_only=True, eq=False)
class ZeroShotPaliGemma:
    """PaliGemma without a face: single questions about images."""

    model: Any
    identity: dict[str, Any]
    device: torch.device

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer."""
        return self.model.processor.tokenizer

    @property
    def frame_size(self) -> FrameSize:
        """See `ZeroShotModel`."""
        from facewave.vlm.paligemma.batch import frame_size

        return frame_size(self.model.processor)

    def answer(
        self, conversations: Sequence[Conversation], *, max_new_tokens: int, seed: int | None
    ) -> list[str]:
        """Return the likeliest words; nothing is drawn.

        Raises:
            ValueError: examples or a seed are given.
        """
        if seed is not None:
            raise ValueError("PaliGemma gives the likeliest words: ask without a seed")
        batch = self._batch(conversations)
        texts: list[str] = self.model.generate_text(batch, max_new_tokens=max_new_tokens)
        return texts

    @torch.inference_mode()
    def score(
        self, conversations: Sequence[Conversation], classes: Sequence[str]
    ) -> NDArray[np.float32]:
        """Return the log-probability of each class's name, float32 (n, C)."""
        if tuple(classes) != tuple(self.model.options.classes):
            raise ValueError(f"the model was built for the classes {self.model.options.classes}")
        scores: NDArray[np.float32] = self.model(self._batch(conversations)).logits.cpu().numpy()
        return scores

    def _batch(self, conversations: Sequence[Conversation]) -> dict[str, Any]:
        from facewave.vlm.faces.batch import Example

        examples = []
        for conversation in conversations:
            check_conversation(conversation)
            if len(conversation) > 1:
                raise ValueError(
                    "PaliGemma takes one question and no examples: ask Qwen2.5-VL, or set the "
                    "number of examples to 0"
                )
            turn = conversation[0]
            examples.append(
                Example(
                    clip_id="",
                    images=None if turn.video is None else turn.video.images,
                    text=turn.text,
                )
            )
        batch = self.model.collate(examples)
        return {name: value.to(self.device) for name, value in batch.items()}
