"""TODO package facewave/storage."""
