"""Clips of the demo for its tests."""

from facewave.demo.recipe import ACTION_UNITS, DemoClip, demo_clips

CLASSES = list(ACTION_UNITS)
# Small and slow: as many steps as needed to see a clip, and no more.
QUICK = {"size": 64, "fps": 5.0, "seed": 3}


def clip(clip_id: str) -> DemoClip:
    return next(c for c in demo_clips(subjects=2, takes=2, classes=CLASSES) if c.clip_id == clip_id)
