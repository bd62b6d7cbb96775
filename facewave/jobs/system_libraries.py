"""Checks that the shared libraries that OpenCV and MediaPipe link to are installed.

`python -m facewave.jobs.system_libraries` names those that are missing.
"""

from __future__ import annotations

import ctypes
import sys

# Library -> Debian/Ubuntu package that contains it.
LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGLESv2.so.2": "libgles2",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
}


def missing_libraries() -> list[str]:
    """Return the names of the libraries that cannot be loaded (on Linux; none elsewhere)."""
    return [name for name in LIBRARIES if not _loads(name)] if sys.platform == "linux" else []


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def advice(missing: list[str]) -> str:
    """Return a message that names the missing libraries and how to install them."""
    packages = " ".join(LIBRARIES[name] for name in missing)
    return (
        f"MediaPipe and OpenCV need system libraries that are not installed: {', '.join(missing)}. "
        f"On Debian or Ubuntu: apt-get install {packages}; on a cluster, ask for them or use a "
        "container that has them."
    )


if __name__ == "__main__":
    if absent := missing_libraries():
        sys.exit(advice(absent))
