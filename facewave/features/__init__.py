"""TODO package facewave/features."""
