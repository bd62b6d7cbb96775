"""TODO package facewave/vlm/inputs."""
