"""Compare the speed of the Haar transform with that of PyWavelets.

    python benchmarks/speed/bench_haar.py [--json PATH]

One clip of 75 frames with all its trajectories (478 landmarks x 3, 52 blendshapes), the layout
`paper`, from the clip to its code: padding, level-L approximation, scaling, cut to K. PyWavelets
goes to level L and no deeper, in its fastest boundary mode (blocks are even, so there is no
boundary to handle). The candidates take turns in one process; the figures are medians.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pywt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # a checkout need not be installed

from facewave.features.haar import encode

FRAMES = 75
TRAJECTORIES = 478 * 3 + 52
COEFFICIENTS = 10
PADDED = 128
LEVEL = 3
ROUNDS = 15

Clip = npt.NDArray[Any]


def facewave_code(clip: Clip) -> Clip:
    return encode(clip, layout="paper", coefficients=COEFFICIENTS)


def pywt_code(clip: Clip) -> Clip:
    """All trajectories in one call."""
    padded = np.pad(clip, [(0, PADDED - FRAMES), (0, 0)])
    approximation = pywt.wavedec(padded, "haar", mode="zero", level=LEVEL, axis=0)[0]
    code: Clip = approximation[:COEFFICIENTS] / np.float32(2 ** (LEVEL / 2))
    return code


def loop_code(clip: Clip) -> Clip:
    """One call per trajectory, each contiguous in memory."""
    padded = np.ascontiguousarray(np.pad(clip, [(0, PADDED - FRAMES), (0, 0)]).T)
    rows = [pywt.wavedec(row, "haar", mode="zero", level=LEVEL)[0] for row in padded]
    return np.stack(rows, axis=1)[:COEFFICIENTS] / np.float32(2 ** (LEVEL / 2))


def measure() -> dict[str, float]:
    """Return the ratios `haar_vs_loop` and `haar_vs_pywt` (higher is better) and the medians in ms.

    The keys of the medians of one clip are `haar_ms`, `haar_loop_ms` and `haar_pywt_ms`.
    """
    clip = np.random.default_rng(0).random((FRAMES, TRAJECTORIES), dtype=np.float32)
    # Calls per turn: enough to time the fast ones well, few enough to keep the turns short.
    contestants: dict[str, tuple[Callable[[Clip], Clip], int]] = {
        "haar_ms": (facewave_code, 100),
        "haar_pywt_ms": (pywt_code, 10),
        "haar_loop_ms": (loop_code, 1),
    }
    expected = facewave_code(clip)
    for function, _ in contestants.values():
        np.testing.assert_allclose(function(clip), expected, rtol=0, atol=1e-6)

    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (function, calls) in contestants.items():
            start = time.perf_counter()
            for _ in range(calls):
                function(clip)
            times[name].append((time.perf_counter() - start) / calls * 1000)

    figures = {name: statistics.median(samples) for name, samples in times.items()}
    figures["haar_vs_loop"] = figures["haar_loop_ms"] / figures["haar_ms"]
    figures["haar_vs_pywt"] = figures["haar_pywt_ms"] / figures["haar_ms"]
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the Haar transform against PyWavelets.")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    path = parser.parse_args().json

    figures = measure()
    for name, other in (("haar_vs_loop", "haar_loop_ms"), ("haar_vs_pywt", "haar_pywt_ms")):
        ours, theirs = figures["haar_ms"], figures[other]
        print(f"{name} {figures[name]:.1f} (facewave {ours:.3f} ms, pywt {theirs:.3f} ms)")
    if path:
        path.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
