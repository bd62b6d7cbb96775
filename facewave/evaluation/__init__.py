"""TODO package facewave/evaluation."""
