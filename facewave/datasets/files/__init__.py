"""TODO package facewave/datasets/files."""
