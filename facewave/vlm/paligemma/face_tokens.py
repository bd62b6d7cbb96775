"""The codes of a clip's face as tokens: one token per wavelet coefficient."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from facewave.tracking.landmarker import N_BLENDSHAPES, N_LANDMARKS
from facewave.vlm.paligemma.statistics import FaceStatistics

_LANDMARK_VALUES = 3 * N_LANDMARKS

# Standardised values are clipped here: a blendshape that is almost always 0 can reach hundreds.
_LARGEST_DEVIATION = 10.0
_POSITION_DEVIATION = 0.02


class FaceEncoder(nn.Module):
    """Landmark and blendshape codes to face tokens.

    Token k is made of the k-th coefficients of all trajectories: landmarks and blendshapes go
    through two linear layers each and are added, together with a learned code of the position k.
    A clip without a usable face has one learned null token at each of these positions.

    Buffers hold the standardisation, per coefficient and trajectory; they are saved with the model.
    """

    landmark_mean: Tensor
    landmark_std: Tensor
    blendshape_mean: Tensor
    blendshape_std: Tensor

    def __init__(self, *, K: int, width: int) -> None:
        """Make the layers; the weights come from torch's global random state."""
        super().__init__()
        self.landmarks = _two_layers(_LANDMARK_VALUES, width)
        self.blendshapes = _two_layers(N_BLENDSHAPES, width)
        self.position = nn.Parameter(_POSITION_DEVIATION * torch.randn(K, width))
        self.null = nn.Parameter(_POSITION_DEVIATION * torch.randn(width))
        for name, shape in (("landmark", (K, N_LANDMARKS, 3)), ("blendshape", (K, N_BLENDSHAPES))):
            self.register_buffer(f"{name}_mean", torch.zeros(shape))
            self.register_buffer(f"{name}_std", torch.ones(shape))

    def forward(self, landmarks: Tensor, blendshapes: Tensor, valid: Tensor) -> Tensor:
        """Encode clips.

        Args:
            landmarks: float32 (B, K, 478, 3), as in the splits.
            blendshapes: float32 (B, K, 52), as in the splits.
            valid: bool (B,), False where there was no usable face; its features are not read.

        Returns:
            float32 (B, K, width).

        Raises:
            ValueError: the features have another K, or other landmarks or blendshapes.
        """
        self._check(landmarks, blendshapes)
        points = _standardise(landmarks, self.landmark_mean, self.landmark_std).flatten(2)
        shapes = _standardise(blendshapes, self.blendshape_mean, self.blendshape_std)
        tokens = self.landmarks(points) + self.blendshapes(shapes)
        tokens = torch.where(valid[:, None, None], tokens, self.null)
        encoded: Tensor = tokens + self.position
        return encoded

    def set_statistics(self, statistics: FaceStatistics) -> None:
        """Take the standardisation of the training part.

        Raises:
            ValueError: it belongs to features with another K.
        """
        self._check(statistics.mean["landmarks"][None], statistics.mean["blendshapes"][None])
        self.landmark_mean.copy_(statistics.mean["landmarks"])
        self.landmark_std.copy_(statistics.std["landmarks"])
        self.blendshape_mean.copy_(statistics.mean["blendshapes"])
        self.blendshape_std.copy_(statistics.std["blendshapes"])

    def _check(self, landmarks: Tensor, blendshapes: Tensor) -> None:
        for name, given, mean in (
            ("landmarks", landmarks, self.landmark_mean),
            ("blendshapes", blendshapes, self.blendshape_mean),
        ):
            if given.shape[1:] != mean.shape:
                raise ValueError(
                    f"{name} have the shape {tuple(given.shape[1:])} per clip, the model takes "
                    f"{tuple(mean.shape)}: K of the model must be that of the splits"
                )


def _two_layers(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def _standardise(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    deviations = (values.float() - mean) / std
    # NaN of an invalid clip would spread through the gradients of `where`.
    return deviations.nan_to_num(nan=0.0).clamp(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)


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
    """Landmarks and blendshapes to embeddings of the language model.

    Encoder; cross-attention to the prompt, feed-forward; gated cross-attention to the images,
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
            image_width: of the vision tower's patches; None for a model without images, which
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
            patches: (B, P, image_width), the vision tower's last layer; None without images.
        """
        tokens = self.encoder(landmarks, blendshapes, valid)
        tokens = tokens + self.look_at_text(tokens, text.float(), text_mask)
        tokens = tokens + self.after_text(tokens)
        if self.look_at_image is not None:
            if patches is None:
                raise ValueError("the model looks at images, and the batch has none")
            seen = self.look_at_image(tokens, patches.float())
            tokens = tokens + torch.tanh(self.gate) * seen
            tokens = tokens + self.after_image(tokens)
        embeddings: Tensor = self.out(self.norm(tokens))
        return embeddings
