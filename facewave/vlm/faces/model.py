"""A pretrained vision-language model with a face: soft prefix and face tokens, LoRA, and a head.

    face encoder: codes and energies of landmarks, blendshapes and pose (B, rows, ...), valid (B)
        -> one token per row
    cross-attention 1: face tokens query the prompt's embeddings
    cross-attention 2: face tokens query the images' patches, behind a gate
    linear to the language model's width, in the size of its words

Trained are the face modules, the soft prefix, LoRA adapters on the language model's queries and
values and the head, all in float32; the pretrained weights stay as they are. PaliGemma 2 and
Qwen2.5-VL share all of it; what differs between them is a `Backbone`.

References:
- A. Steiner et al., "PaliGemma 2: a family of versatile VLMs for transfer", arXiv 2412.03555.
- S. Bai et al., "Qwen2.5-VL technical report", arXiv 2502.13923.
- E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
- B. Lester, R. Al-Rfou, N. Constant, "The power of scale for parameter-efficient prompt tuning",
  EMNLP 2021 (a soft prefix that starts as words of the vocabulary).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm import heads
from facewave.vlm.class_names import class_names
from facewave.vlm.faces.batch import Example, collate
from facewave.vlm.faces.fusion import FaceFusion
from facewave.vlm.faces.options import ModelOptions
from facewave.vlm.faces.prefix import (
    Backbone,
    Prefix,
    answer_freely,
    last_hidden,
    losses_of,
    score_names,
    words_of,
)
from facewave.vlm.faces.statistics import FaceStatistics
from facewave.vlm.lora import add_adapters, is_adapter
from facewave.vlm.training.interface import Output
from facewave.vlm.training.weights import copy_strictly

PARTS = ("face", "soft_prefix", "lora", "head", "projector")

# How many tokens longer than the longest label an answer may be.
_MORE_TOKENS = 4
# Words of the vocabulary by which the size of the model's words is measured.
_MEASURED_WORDS = 4096


class FaceVlm(nn.Module):
    """The model. Batches are those of `collate`.

    Attributes:
        backbone: the pretrained model.
        base: transformers' model, frozen but for its adapters.
        options: as built.
        labels: the class names; None for a regression.
        soft_prefix: float32 (n, hidden), in units of `scale`; None without one.
        scale: float32, root mean square of the language model's words. Soft prefix and face are
            brought to it, so that one learning rate is right for every model.
    """

    scale: Tensor

    def __init__(self, backbone: Backbone, options: ModelOptions) -> None:
        """Freeze the base and add what is trained, from torch's global random state."""
        super().__init__()
        self.backbone, self.options = backbone, options
        self.base = backbone.base
        self._freeze()
        text_width, image_width = backbone.widths
        self.face = None
        if options.use_face:
            self.face = FaceFusion(
                options.face_shapes,
                width=options.width,
                heads=options.heads,
                text_width=text_width,
                image_width=image_width if options.use_image else None,
                dropout=options.dropout,
            )
        self.register_buffer("scale", _word_scale(backbone), persistent=False)
        self.soft_prefix = _first_prefix(backbone, options, self.scale)
        self.head = heads.make_head(
            options.head,
            hidden=text_width,
            classes=len(options.classes),
            targets=len(options.targets),
            regression_loss=options.regression_loss,
        )
        named = options.classes and options.head != "regression"
        self.labels = class_names(backbone.tokenizer, options.classes) if named else None

    @property
    def processor(self) -> Any:
        """The processor of the pretrained model."""
        return self.backbone.processor

    @property
    def commit(self) -> str | None:
        """Commit of the pretrained weights; None for weights that are not of the hub."""
        return self.backbone.commit

    def collate(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Return a batch of some clips, see `facewave.vlm.faces.batch.collate`."""
        return collate(examples, self.backbone, self.options)

    def forward(self, batch: Mapping[str, Tensor]) -> Output:
        """Return loss and logits.

        Args:
            batch: of `collate`; `labels` int64 (B,) or `targets` (B, m) for the loss; `weights`
                float32 (B,), optional, of the clips in the loss.

        Raises:
            ValueError: the batch does not fit the model.
        """
        # The options decide the precision: autocast would round the logits to bfloat16.
        with torch.autocast(batch["input_ids"].device.type, enabled=False):
            losses, logits = self._answer(batch)
        if losses is None:
            return Output(loss=None, logits=logits)
        weights = batch.get("weights")
        return Output(loss=(losses if weights is None else losses * weights).mean(), logits=logits)

    @torch.no_grad()
    def generate_text(
        self, batch: Mapping[str, Tensor], *, max_new_tokens: int | None = None
    ) -> list[str]:
        """Return what the model answers, word by word the likeliest token, without special tokens.

        Args:
            batch: as for `forward`.
            max_new_tokens: of an answer; None: a few more than the longest label has.
        """
        if max_new_tokens is None:
            max_new_tokens = _MORE_TOKENS + (0 if self.labels is None else self.labels.ids.shape[1])
        with torch.autocast(batch["input_ids"].device.type, enabled=False):
            sequence = self.read(batch)
            return answer_freely(self.backbone, sequence, max_new_tokens=max_new_tokens)

    def read(self, batch: Mapping[str, Tensor]) -> Prefix:
        """Return the prefix of a batch: prompt and images, soft prefix and face among them."""
        seen = self.backbone.see(batch, images=self.options.use_image)
        front = []
        if self.soft_prefix is not None:
            front.append(self.soft_prefix.expand(len(seen.prompt), -1, -1))
        if self.face is not None:
            text, text_mask = seen.text()
            tokens = self.face(
                {group: batch[group] for group in self.options.face_shapes if group in batch},
                batch["valid"],
                text=text,
                text_mask=text_mask,
                patches=seen.patches,
                patch_mask=seen.patch_mask,
            )
            front.append(tokens)
        joined = (self.scale * torch.cat(front, dim=1)).to(seen.prompt.dtype) if front else None
        return self.backbone.prefix(seen, joined, batch)

    def set_statistics(
        self, face: FaceStatistics | None = None, targets: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """Take the standardisation of the training part (`facewave.vlm.faces.statistics`)."""
        if face is not None and self.face is not None:
            self.face.encoder.set_statistics(face)
        if targets is not None and isinstance(self.head, heads.RegressionHead):
            self.head.set_statistics(*targets)

    def set_trainable(self, parts: Collection[str]) -> None:
        """Train only these of `PARTS`; those that this model lacks are ignored.

        Raises:
            ValueError: a part is unknown, or nothing would be trained.
        """
        if unknown := sorted(set(parts) - set(PARTS)):
            raise ValueError(f"found the part {unknown[0]!r}, expected some of {', '.join(PARTS)}")
        parameters = {name: p for name, p in self._tensors().items() if isinstance(p, nn.Parameter)}
        for name, parameter in parameters.items():
            parameter.requires_grad_(name.split(".")[0] in parts)
        if not any(parameter.requires_grad for parameter in parameters.values()):
            raise ValueError(f"nothing to train: this model has none of {', '.join(sorted(parts))}")

    def trainable_state(self) -> dict[str, Tensor]:
        """Return everything that is not pretrained, by name; names begin with their part."""
        return {name: tensor.detach() for name, tensor in self._tensors().items()}

    def load_trainable_state(self, state: Mapping[str, Tensor]) -> None:
        """Take what `trainable_state` gave.

        Raises:
            ValueError: naming tensors that are missing, unknown or of another shape; the model is
                then unchanged.
        """
        copy_strictly(state, self._tensors())

    def _freeze(self) -> None:
        """Freeze the base, and add the adapters to it."""
        base, options = self.base, self.options
        base.requires_grad_(False)
        if options.projector:
            self.backbone.train_projector()
        if options.lora_rank:
            add_adapters(
                base,
                rank=options.lora_rank,
                alpha=options.lora_alpha,
                dropout=options.lora_dropout,
            )
        if options.gradient_checkpointing:
            _compute_again(base.model.language_model)

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        modules: dict[str, nn.Module | None] = {"face": self.face, "head": self.head}
        if self.options.projector:
            modules["projector"] = self.backbone.projector
        for part, module in modules.items():
            if module is not None:
                state = module.state_dict(keep_vars=True)
                found |= {f"{part}.{name}": tensor for name, tensor in state.items()}
        found |= {f"lora.{n}": p for n, p in self.base.named_parameters() if is_adapter(n)}
        if self.soft_prefix is not None:
            found["soft_prefix"] = self.soft_prefix
        return found

    def _answer(self, batch: Mapping[str, Tensor]) -> tuple[Tensor | None, Tensor | None]:
        sequence = self.read(batch)
        if self.options.head == "generate":
            right = batch.get("labels")
            return None if right is None else self._generated(sequence, right), None
        logits = self._logits(sequence)
        return self._losses(logits, batch), logits

    def _logits(self, sequence: Prefix) -> Tensor:
        if self.head is not None:
            logits: Tensor = self.head(last_hidden(self.backbone, sequence)[:, -1])
            return logits
        assert self.labels is not None
        return score_names(self.backbone, sequence, self.labels)

    def _generated(self, sequence: Prefix, right: Tensor) -> Tensor:
        assert self.labels is not None
        return losses_of(self.backbone, sequence, self.labels, right)

    def _losses(self, logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor | None:
        if isinstance(self.head, heads.RegressionHead):
            targets = batch.get("targets")
            return None if targets is None else self.head.losses(logits, targets)
        labels = batch.get("labels")
        return (
            None if labels is None else functional.cross_entropy(logits, labels, reduction="none")
        )


def _compute_again(language_model: Any) -> None:
    """Let a language model compute its activations again in the backward pass."""
    # Earlier releases of transformers have the first name alone, later ones warn about it.
    enable = getattr(language_model, "activation_checkpointing_enable", None)
    (enable or language_model.gradient_checkpointing_enable)({"use_reentrant": False})


def _word_scale(backbone: Backbone) -> Tensor:
    """Return the root mean square of the model's words, float32, from a part of the vocabulary."""
    weight = backbone.base.get_input_embeddings().weight
    ids = torch.arange(0, len(weight), max(1, len(weight) // _MEASURED_WORDS), device=weight.device)
    with torch.no_grad():
        return words_of(backbone, ids).float().square().mean().sqrt()


def _first_prefix(backbone: Backbone, options: ModelOptions, scale: Tensor) -> nn.Parameter | None:
    """Return the soft prefix as it starts: the words of the question, over and over."""
    if not options.soft_prefix:
        return None
    question = backbone.question(options, None)
    ids = backbone.tokenizer(question, add_special_tokens=False)["input_ids"]
    chosen = [ids[place % len(ids)] for place in range(options.soft_prefix)]
    with torch.no_grad():
        words = words_of(backbone, torch.tensor(chosen, device=scale.device))
        return nn.Parameter(words.float() / scale)
