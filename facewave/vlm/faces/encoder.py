"""The codes of a clip's face as tokens: one per wavelet coefficient, one per scale of energy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from facewave.features.groups import split_group
from facewave.vlm.faces.statistics import FaceStatistics

# Standardised values are clipped here: a blendshape that is almost always 0 can reach hundreds.
_LARGEST_DEVIATION = 10.0
_POSITION_DEVIATION = 0.02
_CODE = "code"

Shapes = Mapping[str, tuple[int, ...]]


def kind_of(group: str) -> str:
    """Return what a feature group's rows are: `code` (coefficients), `energy` or `statistics`."""
    return split_group(group)[1] or _CODE


def token_counts(shapes: Shapes) -> dict[str, int]:
    """Return how many tokens each kind of group gives: as many as the groups have rows.

    Raises:
        ValueError: two groups of a kind differ in their rows.
    """
    counts: dict[str, int] = {}
    for group, shape in shapes.items():
        rows = counts.setdefault(kind_of(group), shape[0])
        if rows != shape[0]:
            raise ValueError(
                f"{group} has {shape[0]} rows per clip, and another {kind_of(group)} has {rows}: "
                "build the splits again"
            )
    return counts


class FaceEncoder(nn.Module):
    """Feature groups to face tokens.

    Token k of the codes is made of the k-th coefficients of all trajectories, token e of the
    energies of what all of them do at the e-th time scale. Each group goes through a linear layer
    of its own, so that few values (the pose of the head) weigh as much as many (the landmarks);
    the groups of a kind are added and go through a second layer. A learned code of the position is
    added. A clip without a usable face has one learned null token at all positions.

    In training each clip is mirrored with probability 1/2 where the statistics say how: its
    features as they would be if the video were flipped.

    Buffers hold the standardisation, per row and trajectory; they are saved with the model.
    """

    def __init__(self, shapes: Shapes, *, width: int, dropout: float = 0.0) -> None:
        """Make the layers; the weights come from torch's global random state.

        Args:
            shapes: group to the shape (rows, ...) of a clip's array.
            width: of a token.
            dropout: fraction of the hidden activations that is dropped in training.
        """
        super().__init__()
        self.shapes = dict(shapes)
        self.counts = token_counts(shapes)
        self.first = nn.ModuleDict(
            {group: nn.Linear(math.prod(shape[1:]), width) for group, shape in shapes.items()}
        )
        self.second = nn.ModuleDict({kind: nn.Linear(width, width) for kind in self.counts})
        self.position = nn.ParameterDict(
            {
                kind: nn.Parameter(_POSITION_DEVIATION * torch.randn(rows, width))
                for kind, rows in self.counts.items()
            }
        )
        self.null = nn.Parameter(_POSITION_DEVIATION * torch.randn(width))
        self.dropout = nn.Dropout(dropout)
        self.mirrored = False
        for group, shape in shapes.items():
            flat = (shape[0], math.prod(shape[1:]))
            self.register_buffer(f"{group}_mean", torch.zeros(flat))
            self.register_buffer(f"{group}_std", torch.ones(flat))
            # Only training needs them, and they follow from the features: they are not saved.
            every = torch.arange(flat[1])
            self.register_buffer(f"{group}_partner", every, persistent=False)
            self.register_buffer(f"{group}_sign", torch.ones(flat[1]), persistent=False)

    @property
    def tokens(self) -> int:
        """Number of tokens of a clip."""
        return sum(self.counts.values())

    def forward(self, face: Mapping[str, Tensor], valid: Tensor) -> Tensor:
        """Encode clips.

        Args:
            face: each group as in the splits, float32 (B, rows, ...).
            valid: bool (B,), False where there was no usable face; its features are not read.

        Returns:
            float32 (B, tokens, width), codes before energies.

        Raises:
            ValueError: a group is missing or has another shape.
        """
        flipped = None
        if self.training and self.mirrored:
            # Drawn on the CPU: with the same seed every device mirrors the same clips.
            flipped = (torch.rand(len(valid)) < 0.5).to(valid.device)
        sums: dict[str, Tensor] = {}
        for group in self.shapes:
            values = self._standardised(group, face, flipped)
            hidden = self.first[group](values)
            kind = kind_of(group)
            sums[kind] = sums[kind] + hidden if kind in sums else hidden
        parts = []
        for kind, hidden in sums.items():
            tokens = self.second[kind](self.dropout(nn.functional.gelu(hidden)))
            tokens = torch.where(valid[:, None, None], tokens, self.null)
            parts.append(tokens + self.position[kind])
        return torch.cat(parts, dim=1)

    def set_statistics(self, statistics: FaceStatistics) -> None:
        """Take the standardisation of the training part, and how its features are mirrored.

        Raises:
            ValueError: it belongs to other features.
        """
        for group, shape in self.shapes.items():
            if statistics.mean[group].shape != self._buffer(group, "mean").shape:
                raise ValueError(_other_shape(group, tuple(statistics.mean[group].shape), shape))
            self._buffer(group, "mean").copy_(statistics.mean[group])
            self._buffer(group, "std").copy_(statistics.std[group])
        self.mirrored = bool(statistics.mirror)
        for group, swap in statistics.mirror.items():
            width = math.prod(self.shapes[group][1:])
            self._buffer(group, "partner").copy_(torch.from_numpy(swap.partner[:width]))
            self._buffer(group, "sign").copy_(torch.from_numpy(swap.sign[:width]))

    def _standardised(
        self, group: str, face: Mapping[str, Tensor], flipped: Tensor | None
    ) -> Tensor:
        shape = self.shapes[group]
        if group not in face:
            raise ValueError(f"the batch has no {group}, which the model reads")
        if tuple(face[group].shape[1:]) != shape:
            raise ValueError(_other_shape(group, tuple(face[group].shape[1:]), shape))
        values = face[group].float().flatten(2) if len(shape) > 1 else face[group].float()
        if flipped is not None:
            mirror = values[..., self._buffer(group, "partner")] * self._buffer(group, "sign")
            values = torch.where(flipped[:, None, None], mirror, values)
        values = (values - self._buffer(group, "mean")) / self._buffer(group, "std")
        # NaN of an invalid clip would spread through the gradients of `where`.
        return values.nan_to_num(nan=0.0).clamp(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)

    def _buffer(self, group: str, what: str) -> Tensor:
        return self.get_buffer(f"{group}_{what}")


def _other_shape(group: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    return (
        f"{group} have the shape {found} per clip, the model takes {tuple(wanted)}: the model's "
        "features must be those of the splits"
    )
