"""TODO package facewave/vlm/zero_shot."""
