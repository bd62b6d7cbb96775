"""TODO package facewave/mlp."""
