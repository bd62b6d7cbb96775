"""facewave: face videos to landmark trajectories, Haar wavelet codes and emotion models.

For Python: `track` follows the face in a video, `tracks` returns what the workflow has tracked,
`encode` makes the codes that models read, and `load_model` opens a model that answers for a video.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facewave.frame_tables.clip_tracks import tracks
    from facewave.predict.python import encode, load_model, track

__version__ = "0.1.0"
__all__ = ["encode", "load_model", "track", "tracks"]

# Loaded when they are first used: every job imports this package, and few need them.
_LAZY = {
    "encode": "facewave.predict.python",
    "load_model": "facewave.predict.python",
    "track": "facewave.predict.python",
    "tracks": "facewave.frame_tables.clip_tracks",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
