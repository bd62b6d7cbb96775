"""TODO package facewave/tracking."""
