"""Made-up clips, and what decoding makes of a file."""

import pytest

from facewave.video.decode import UnreadableVideoError
from facewave.video.open import open_video
from tests.video.media import (
    flat_frames,
    write_video,
)


def decode(path, default_fps=25.0):
    with open_video(path, default_fps=default_fps) as video:
        frames = [frame.image for frame in video.frames()]
    return video, frames


def times(path, **options):
    with open_video(path, **options) as video:
        return [frame.ms for frame in video.frames()]


def reason(path):
    with pytest.raises(UnreadableVideoError) as error:
        decode(path)
    return str(error.value)


def clip(path, count=20, **options):
    size = {name: options.pop(name) for name in ("width", "height") if name in options}
    return write_video(path, flat_frames(count, **size), **options)
