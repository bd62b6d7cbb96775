"""The codes of a clip's face as tokens: one token a wavelet coefficient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facewave.landmarks import N_BLENDSHAPES, N_LANDMARKS
from facewave.vlm.statistics import FaceStatistics

_LANDMARK_VALUES = 3 * N_LANDMARKS
# Standardised values beyond this are cut: a blendshape that is almost always 0 gives hundreds.
_LARGEST_DEVIATION = 10.0
_POSITION_DEVIATION = 0.02


class FaceEncoder(nn.Module):
    """Landmark and blendshape codes to face tokens.

    Token k is made of the k-th coefficients of all trajectories: both sources go through two
    linear layers of their own and are added, together with a learned code of the position k. The
    tokens of a clip without a usable face are one learned null token, at the same positions.

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
            ValueError: if the features have another K, or other landmarks or blendshapes.
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
            ValueError: if it is of features with another K.
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
                    f"{name} of shape {tuple(given.shape[1:])} a clip; the model takes "
                    f"{tuple(mean.shape)}: K of the model must be that of the splits"
                )


def _two_layers(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width))


def _standardise(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    deviations = (values.float() - mean) / std
    # NaN of an invalid clip would spread through the gradients of `where`.
    return deviations.nan_to_num(nan=0.0).clamp(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
