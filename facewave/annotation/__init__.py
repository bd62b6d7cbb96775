"""TODO package facewave/annotation."""
