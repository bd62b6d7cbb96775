"""TODO package facewave/prompts."""
