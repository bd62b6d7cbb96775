"""TODO package facewave/demo."""
