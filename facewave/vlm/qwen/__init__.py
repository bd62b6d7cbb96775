"""TODO package facewave/vlm/qwen."""
