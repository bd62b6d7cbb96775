"""TODO package facewave/text."""
