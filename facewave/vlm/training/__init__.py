"""TODO package facewave/vlm/training."""
