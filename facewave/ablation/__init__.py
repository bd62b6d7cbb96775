"""TODO package facewave/ablation."""
