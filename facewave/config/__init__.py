"""TODO package facewave/config."""
