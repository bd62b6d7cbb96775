"""TODO package facewave/explain."""
