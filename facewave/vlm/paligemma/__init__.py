"""TODO package facewave/vlm/paligemma."""
