"""facewave: face videos to landmark trajectories, Haar wavelet codes and emotion models.

For Python: `tracks` returns the trajectory of a clip by its name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facewave.frame_tables.clip_tracks import tracks

__version__ = "0.1.0"
__all__ = ["tracks"]

# Loaded when they are first used: every job imports this package, and few need them.
_LAZY = {"tracks": "facewave.frame_tables.clip_tracks"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
