"""TODO package facewave/manifest."""
