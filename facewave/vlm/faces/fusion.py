"""The tokens of a face become embeddings of the language model: they ask the prompt and the images.

Reference: J.-B. Alayrac et al., "Flamingo: a visual language model for few-shot learning", NeurIPS
2022 (gated cross-attention). There the gate starts at 0, since it changes what is pretrained; here
it starts half open, since all of this is new and at 0 nothing would ever come through it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm.faces.encoder import FaceEncoder, Shapes

# What the gate starts at: tanh(0.5) = 0.46 of what the images say comes through.
GATE = 0.5
_FFN = 4


class CrossAttention(nn.Module):
    """Queries of one width attend to a context of another; both are normalised first."""

    def __init__(self, *, width: int, context_width: int, heads: int) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        self.heads = heads
        self.query_norm = nn.LayerNorm(width)
        self.context_norm = nn.LayerNorm(context_width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(context_width, width)
        self.value = nn.Linear(context_width, width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the tokens take from the context.

        Args:
            tokens: (B, K, width).
            context: (B, N, context_width).
            mask: bool (B, N), False for what is hidden; at least one True in each row.

        Returns:
            (B, K, width).
        """
        context = self.context_norm(context)
        found = functional.scaled_dot_product_attention(
            self._split(self.query(self.query_norm(tokens))),
            self._split(self.key(context)),
            self._split(self.value(context)),
            attn_mask=None if mask is None else mask[:, None, None, :],
        )
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined

    def _split(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:-1], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """LayerNorm, a hidden layer four times as wide, GELU."""

    def __init__(self, width: int) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, _FFN * width),
            nn.GELU(),
            nn.Linear(_FFN * width, width),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return (B, K, width)."""
        changed: Tensor = self.layers(tokens)
        return changed


class FaceFusion(nn.Module):
    """The features of faces to embeddings of the language model.

    Encoder; cross-attention to the prompt, feed-forward; gated cross-attention to the images,
    feed-forward; projection to the language model's width. All in float32.
    """

    def __init__(
        self,
        shapes: Shapes,
        *,
        width: int,
        heads: int,
        text_width: int,
        image_width: int | None,
        dropout: float = 0.0,
    ) -> None:
        """Make the layers; the weights come from torch's global random state.

        Args:
            shapes, dropout: see `FaceEncoder`.
            width: of the tokens inside; a multiple of `heads`.
            heads: of the cross-attentions.
            text_width: of the language model's embeddings.
            image_width: of the vision tower's patches; None for a model without images, which
                has no second cross-attention.
        """
        super().__init__()
        self.encoder = FaceEncoder(shapes, width=width, dropout=dropout)
        self.look_at_text = CrossAttention(width=width, context_width=text_width, heads=heads)
        self.after_text = FeedForward(width)
        self.look_at_image = None
        if image_width is not None:
            self.look_at_image = CrossAttention(width=width, context_width=image_width, heads=heads)
            self.gate = nn.Parameter(torch.full((), GATE))
            self.after_image = FeedForward(width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, text_width)

    def forward(
        self,
        face: Mapping[str, Tensor],
        valid: Tensor,
        *,
        text: Tensor,
        text_mask: Tensor,
        patches: Tensor | None,
        patch_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the face tokens, float32 (B, tokens, text_width), of about unit size.

        Args:
            face, valid: see `FaceEncoder`.
            text: (B, N, text_width), embeddings of the prompt.
            text_mask: bool (B, N), True for the prompt's words.
            patches: (B, P, image_width), what the vision tower says; None without images.
            patch_mask: bool (B, P), False where a clip has fewer patches; None: all are there.
        """
        tokens = self.encoder(face, valid)
        tokens = tokens + self.look_at_text(tokens, text.float(), text_mask)
        tokens = tokens + self.after_text(tokens)
        if self.look_at_image is not None:
            if patches is None:
                raise ValueError("the model looks at images, and the batch has none")
            seen = self.look_at_image(tokens, patches.float(), patch_mask)
            tokens = tokens + torch.tanh(self.gate) * seen
            tokens = tokens + self.after_image(tokens)
        # A linear layer's weights start with a deviation of 1 / sqrt(3 width).
        embeddings: Tensor = math.sqrt(3.0) * self.out(self.norm(tokens))
        return embeddings
