"""Face tokens that looked at the prompt and at the picture.

The prompt says which movements matter, so face tokens query its words first; then they query the
patches of the picture. The second look starts switched off (a gate of tanh 0), so that a model
begins with what the language model and the face alone can tell.

References:
- J.-B. Alayrac et al., "Flamingo: a visual language model for few-shot learning", NeurIPS 2022
  (cross-attention with a tanh gate that starts at 0).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.vlm.face_encoder import FaceEncoder

_FFN = 4


class CrossAttention(nn.Module):
    """Queries of one width look at a context of another; both are normalised first."""

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
        """Return what the tokens found.

        Args:
            tokens: (B, K, width).
            context: (B, N, context_width).
            mask: bool (B, N), False for what may not be looked at; at least one True a row.

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
    """Landmarks and blendshapes to embeddings of the language model.

    Encoder; cross-attention to the prompt, feed-forward; gated cross-attention to the picture,
    feed-forward; projection to the language model's width. All in float32.
    """

    def __init__(
        self, *, K: int, width: int, heads: int, text_width: int, image_width: int | None
    ) -> None:
        """Make the layers; the weights come from torch's global random state.

        Args:
            K: coefficients of each trajectory.
            width: of the tokens inside; a multiple of `heads`.
            heads: of the cross-attentions.
            text_width: of the language model's embeddings.
            image_width: of the vision tower's patches; None for a model without pictures, which
                has no second cross-attention.
        """
        super().__init__()
        self.encoder = FaceEncoder(K=K, width=width)
        self.look_at_text = CrossAttention(width=width, context_width=text_width, heads=heads)
        self.after_text = FeedForward(width)
        self.look_at_image = None
        if image_width is not None:
            self.look_at_image = CrossAttention(width=width, context_width=image_width, heads=heads)
            self.gate = nn.Parameter(torch.zeros(()))
            self.after_image = FeedForward(width)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, text_width)

    def forward(
        self,
        landmarks: Tensor,
        blendshapes: Tensor,
        valid: Tensor,
        *,
        text: Tensor,
        text_mask: Tensor,
        patches: Tensor | None,
    ) -> Tensor:
        """Return the face tokens, float32 (B, K, text_width).

        Args:
            landmarks, blendshapes, valid: see `FaceEncoder`.
            text: (B, N, text_width), embeddings of the prompt.
            text_mask: bool (B, N), True for the prompt's words.
            patches: (B, P, image_width), the vision tower's last layer; None without pictures.
        """
        tokens = self.encoder(landmarks, blendshapes, valid)
        tokens = tokens + self.look_at_text(tokens, text.float(), text_mask)
        tokens = tokens + self.after_text(tokens)
        if self.look_at_image is not None:
            if patches is None:
                raise ValueError("the model looks at pictures, and the batch has none")
            seen = self.look_at_image(tokens, patches.float())
            tokens = tokens + torch.tanh(self.gate) * seen
            tokens = tokens + self.after_image(tokens)
        embeddings: Tensor = self.out(self.norm(tokens))
        return embeddings
