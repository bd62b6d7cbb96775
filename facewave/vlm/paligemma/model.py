"""PaliGemma 2 with a face: prefix [soft prefix | face | images | prompt], LoRA, and a head.

    face encoder: landmarks (B, K, 478, 3), blendshapes (B, K, 52), valid (B) -> K tokens per clip
    cross-attention 1: face tokens query the prompt's embeddings
    cross-attention 2: face tokens query SigLIP's patches, behind a gate that starts at 0
    linear to the language model's width; all of the prefix attends to all of it

Trained are the face modules, the soft prefix, LoRA adapters on the language model's queries and
values and the head, all in float32; the pretrained weights stay as they are.

References:
- A. Steiner et al., "PaliGemma 2: a family of versatile VLMs for transfer", arXiv 2412.03555.
- E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
- B. Lester, R. Al-Rfou, N. Constant, "The power of scale for parameter-efficient prompt tuning",
  EMNLP 2021 (a soft prefix that starts as words of the vocabulary).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm import heads
from facewave.vlm.class_names import class_names
from facewave.vlm.lora import add_adapters, is_adapter
from facewave.vlm.paligemma.face_tokens import FaceFusion
from facewave.vlm.paligemma.options import ModelOptions
from facewave.vlm.paligemma.prefix import (
    Prefix,
    answer_freely,
    check_places,
    check_prompt,
    join,
    last_hidden,
    losses_of,
    new_soft_prefix,
    score_names,
)
from facewave.vlm.paligemma.statistics import FaceStatistics
from facewave.vlm.training.interface import Output
from facewave.vlm.training.weights import copy_strictly

PARTS = ("face", "soft_prefix", "lora", "head", "projector")

# How many tokens longer than the longest label an answer may be.
_MORE_TOKENS = 4


class FaceVlm(nn.Module):
    """The model. Batches are those of `collate`.

    Attributes:
        base: transformers' PaliGemma, frozen but for its adapters.
        processor: tokenizer and image processor.
        options: as built.
        commit: of the hub's repository that the weights come from; None for other weights.
        labels: the class names; None for a regression.
    """

    def __init__(
        self, base: Any, processor: Any, options: ModelOptions, *, commit: str | None = None
    ) -> None:
        """Freeze the base and add what is trained, from torch's global random state."""
        super().__init__()
        self.base, self.processor, self.options, self.commit = base, processor, options, commit
        self._freeze()
        width = base.config.text_config.hidden_size
        self.face = None
        if options.use_face:
            self.face = FaceFusion(
                K=options.K,
                width=options.width,
                heads=options.heads,
                text_width=width,
                image_width=base.config.vision_config.hidden_size if options.use_image else None,
            )
        self.soft_prefix = new_soft_prefix(base.get_input_embeddings(), options.soft_prefix)
        self.head = heads.make_head(
            options.head,
            hidden=width,
            classes=len(options.classes),
            targets=len(options.targets),
            regression_loss=options.regression_loss,
        )
        named = options.classes and options.head != "regression"
        self.labels = class_names(processor.tokenizer, options.classes) if named else None

    def forward(self, batch: Mapping[str, Tensor]) -> Output:
        """Return loss and logits.

        Args:
            batch: `input_ids`, `attention_mask`, `token_type_ids` (B, L), padded on the left;
                `pixel_values` (B, n, 3, S, S) or `image_features` (B, n, P, image width);
                `landmarks`, `blendshapes`, `valid`; `labels` int64 (B,) or `targets` (B, m) for
                the loss; `weights` float32 (B,), optional, of the clips in the loss.

        Raises:
            ValueError: `token_type_ids` are missing, or the batch does not fit the model.
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
        tokenizer = self.processor.tokenizer
        with torch.autocast(batch["input_ids"].device.type, enabled=False):
            sequence = self.read(batch)
            return answer_freely(self.base, sequence, tokenizer, max_new_tokens=max_new_tokens)

    @torch.no_grad()
    def image_features(self, pixel_values: Tensor) -> Tensor:
        """Return the vision tower's output (B, n, P, image width) for (B, n, 3, S, S)."""
        images = pixel_values.flatten(0, 1).to(self.base.model.vision_tower.dtype)
        with torch.autocast(images.device.type, enabled=False):
            features: Tensor = self.base.model.vision_tower(images).last_hidden_state
        return features.view(*pixel_values.shape[:2], *features.shape[1:])

    def read(self, batch: Mapping[str, Tensor]) -> Prefix:
        """Return the prefix of a batch: soft prefix, face, images, prompt."""
        check_prompt(batch)
        ids, mask = batch["input_ids"], batch["attention_mask"]
        prompt: Tensor = self.base.get_input_embeddings()(ids)
        places = ids == self.processor.image_token_id
        patches = self._patches(batch)
        words = slice(0, None)
        if patches is not None:
            check_places(places, patches.shape[1])
            seen = self._project(patches)
            prompt = prompt.masked_scatter(places[..., None], seen.to(prompt.dtype))
            # Padding is on the left and images come next: words follow them in every row.
            words = slice(patches.shape[1], None)
        front = []
        if self.soft_prefix is not None:
            front.append(self.soft_prefix.expand(len(ids), -1, -1))
        if self.face is not None:
            tokens = self.face(
                batch["landmarks"],
                batch["blendshapes"],
                batch["valid"],
                text=prompt[:, words].detach(),
                text_mask=(mask.bool() & ~places)[:, words],
                patches=patches,
            )
            front.append(tokens)
        return join(front, prompt, batch)

    def set_statistics(
        self, face: FaceStatistics | None = None, targets: tuple[Tensor, Tensor] | None = None
    ) -> None:
        """Take the standardisation of the training part (`facewave.vlm.paligemma.statistics`)."""
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
            base.model.multi_modal_projector.float().requires_grad_(True)
        if options.lora_rank:
            add_adapters(
                base,
                rank=options.lora_rank,
                alpha=options.lora_alpha,
                dropout=options.lora_dropout,
            )
        if options.gradient_checkpointing:
            base.model.language_model.activation_checkpointing_enable({"use_reentrant": False})

    def _tensors(self) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        modules: dict[str, nn.Module | None] = {"face": self.face, "head": self.head}
        if self.options.projector:
            modules["projector"] = self.base.model.multi_modal_projector
        for part, module in modules.items():
            if module is not None:
                found |= {f"{part}.{name}": p for name, p in module.named_parameters()}
                found |= {f"{part}.{name}": b for name, b in module.named_buffers()}
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

    def _patches(self, batch: Mapping[str, Tensor]) -> Tensor | None:
        if not self.options.use_image:
            return None
        features = batch.get("image_features")
        if features is None:
            if "pixel_values" not in batch:
                raise ValueError("the batch has neither pixel_values nor image_features")
            features = self.image_features(batch["pixel_values"])
        return features.flatten(1, 2)

    def _project(self, patches: Tensor) -> Tensor:
        projector = self.base.model.multi_modal_projector
        seen: Tensor = projector(patches.to(projector.linear.weight.dtype))
        return seen

    def _logits(self, sequence: Prefix) -> Tensor:
        if self.head is not None:
            logits: Tensor = self.head(last_hidden(self.base, sequence)[:, -1])
            return logits
        assert self.labels is not None
        return score_names(self.base, sequence, self.labels)

    def _generated(self, sequence: Prefix, right: Tensor) -> Tensor:
        assert self.labels is not None
        return losses_of(self.base, sequence, self.labels, right)

    def _losses(self, logits: Tensor, batch: Mapping[str, Tensor]) -> Tensor | None:
        if isinstance(self.head, heads.RegressionHead):
            targets = batch.get("targets")
            return None if targets is None else self.head.losses(logits, targets)
        labels = batch.get("labels")
        return (
            None if labels is None else functional.cross_entropy(logits, labels, reduction="none")
        )
