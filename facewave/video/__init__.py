"""TODO package facewave/video."""
