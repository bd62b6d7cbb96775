"""TODO package facewave/planning."""
