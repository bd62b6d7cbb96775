"""TODO package facewave/datasets/adapters."""
