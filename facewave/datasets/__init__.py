"""TODO package facewave/datasets."""
