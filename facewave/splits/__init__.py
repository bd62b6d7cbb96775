"""TODO package facewave/splits."""
