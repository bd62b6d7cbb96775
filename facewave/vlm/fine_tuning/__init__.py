"""TODO package facewave/vlm/fine_tuning."""
