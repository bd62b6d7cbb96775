"""TODO package facewave/face."""
