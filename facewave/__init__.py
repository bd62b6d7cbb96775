"""facewave: face videos to landmark trajectories, Haar wavelet codes and emotion models."""

__version__ = "0.1.0"
