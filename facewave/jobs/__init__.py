"""TODO package facewave/jobs."""
