"""Acting of the demo dataset: how a made-up face moves through a clip.

An expression rises, stays and falls; the lids blink, the head sways, the light drifts. All numbers
are drawn from streams that depend on the seed and on names, never on the order of the clips.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from facewave.demo.expressions import UNITS
from facewave.demo.points import SIDES, Array, close_lids, part_edges, shift_field, smooth_step
from facewave.demo.recipe import ACTION_UNITS, DURATION_S, DemoClip

# Mean strength of units that are not part of the class; a relaxed mouth stays shut.
_TWITCH, _OPENERS = 0.05, {"AU16", "AU26"}
# Extent of head motion, in the order and units of `Performance.pose`.
_POSE_EXTENT = (0.018, 0.014, 0.06, 0.025, 0.030, 0.020)


@dataclass(frozen=True)
class Performance:
    """What a clip's face does, frame by frame (T frames; C points, `demo_points.NAMES`).

    Attributes:
        points: (T, C, 2) float64 position of each point on the unmoved head, frame units.
        pose: (T, 6) float64 head motion: shift x, shift y (frame units), roll (radians),
            scale (1 = none), yaw, pitch (shift of the face's middle against its rim, frame units).
        lines: (T, 2) float64 depth of the lines beside the nose and between the brows, 0 to 1.
        gain: (T,) float64 brightness, 1 = as in the portrait.
    """

    points: Array
    pose: Array
    lines: Array
    gain: Array


def random_stream(*keys: object) -> np.random.Generator:
    """Random generator that depends on `keys` alone, not on the order in which clips are made."""
    digest = hashlib.sha256("/".join(map(str, keys)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def perform(clip: DemoClip, rest: Array, *, fps: float, seed: int) -> Performance:
    """Act out a clip on the relaxed face `rest` (C, 2).

    The subject has a manner of showing each class, kept in all takes; a take has its own length,
    onset, intensity, asymmetry, blinks and head motion.
    """
    manner = random_stream(seed, clip.subject, clip.label, "manner")
    stream = random_stream(seed, clip.clip_id, "take")
    frames = round(stream.uniform(*DURATION_S) * fps)
    time = np.arange(frames) / fps
    units = _unit_strengths(clip.label, time, manner, stream)
    points = np.repeat(rest[None], frames, axis=0)
    # Midline points (side 0) take the mean of both sides.
    per_side = np.stack([units.mean(axis=2), units[..., 1], units[..., 0]])
    for index, shifts in enumerate(UNITS.values()):
        points += per_side[SIDES, :, index].T[..., None] * shift_field(shifts)
    points = close_lids(part_edges(points), _blinks(time, stream))
    lines = _depth_of_lines(per_side[0])
    gain = 1 + 0.03 * _wander(time, stream)
    return Performance(points, _head_pose(time, stream), lines, gain)


def _unit_strengths(
    label: str, time: Array, manner: np.random.Generator, stream: np.random.Generator
) -> Array:
    """Strength of every unit: (T, units, 2) with the image's left and right side last."""
    strengths = np.zeros((len(time), len(UNITS), 2))
    intensity = stream.uniform(0.5, 1.0)
    skew = stream.uniform(-0.15, 0.15)
    onset, rise, fall = _timing(time[-1], stream)
    recipe = ACTION_UNITS[label]
    for index, name in enumerate(UNITS):
        # Every face twitches a little, even where the class does not need it.
        strength = _TWITCH * (1 + _wander(time, stream)) * (name not in _OPENERS)
        habit, lag = manner.normal(1, 0.15), stream.uniform(-0.1, 0.1)
        if name in recipe:
            envelope = _rise_and_fall(time - onset - lag, rise, fall)
            strength = strength + recipe[name] * intensity * max(habit, 0.4) * envelope
        strengths[:, index] = strength[:, None] * np.array([1 + skew, 1 - skew])
    return strengths


def _depth_of_lines(strengths: Array) -> Array:
    """Lines beside the nose and between the brows, 0 to 1: (T, 2) from (T, units)."""
    unit = dict(zip(UNITS, strengths.T, strict=True))
    lines = np.stack([unit["AU12"] + unit["AU9"], unit["AU4"] + unit["AU9"]], axis=1)
    return np.asarray(np.clip(lines, 0, 1))


def _timing(end: float, stream: np.random.Generator) -> tuple[float, float, tuple[float, float]]:
    """Onset (s), length of the rise (s), start and length of the fall (s after the onset)."""
    onset, rise = stream.uniform(0.1, 0.25) * end, stream.uniform(0.25, 0.6)
    apex_end = stream.uniform(0.65, 0.9) * end
    return onset, rise, (max(apex_end - onset, rise), stream.uniform(0.4, 0.8))


def _rise_and_fall(since_onset: Array, rise: float, fall: tuple[float, float]) -> Array:
    return smooth_step(since_onset / rise) * (1 - smooth_step((since_onset - fall[0]) / fall[1]))


def _wander(time: Array, stream: np.random.Generator) -> Array:
    """Slow random motion within -1..1: three sines below 0.8 Hz."""
    rate, phase = stream.uniform(0.1, 0.8, 3), stream.uniform(0, 2 * np.pi, 3)
    waves: Array = np.sin(2 * np.pi * np.outer(time, rate) + phase).mean(axis=1)
    return waves


def _head_pose(time: Array, stream: np.random.Generator) -> Array:
    motion = np.stack([_wander(time, stream) for _ in range(6)], axis=1)
    start = stream.uniform(-1, 1, 6)
    pose: Array = (0.7 * motion + 0.5 * start) * np.array(_POSE_EXTENT)
    # Scale is relative to 1, everything else to 0.
    pose[:, 3] += 1
    return pose


def _blinks(time: Array, stream: np.random.Generator) -> Array:
    """How far the lids are shut, 0 to 1: (T,)."""
    shut = np.zeros(len(time))
    moment = stream.uniform(0.2, 2.0)
    while moment < time[-1]:
        half = stream.uniform(0.08, 0.12)
        shut = np.maximum(shut, smooth_step(1.4 - np.abs(time - moment) / half))
        moment += stream.uniform(0.9, 2.5)
    return shut
