"""A film for tests: real clips one after the other, and where they meet."""

from fractions import Fraction

import av

SIZE = (360, 270)


def join_clips(paths, target, *, frames=20, first=30, fps=30):
    """Write a film with some frames of each clip; return the frames with which a clip begins."""
    starts = []
    with av.open(str(target), "w") as film:
        stream = film.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.bit_rate = "yuv420p", 4_000_000
        written = 0
        for path in paths:
            starts.append(written)
            for frame in clip_frames(path, first=first, frames=frames):
                frame.pts, frame.time_base = written, Fraction(1, fps)
                film.mux(stream.encode(frame))
                written += 1
        film.mux(stream.encode(None))
    return starts, written


def clip_frames(path, *, first, frames):
    """Yield frames of a clip at the film's size."""
    with av.open(str(path)) as clip:
        for index, frame in enumerate(clip.decode(video=0)):
            if index >= first + frames:
                return
            if index >= first:
                yield frame.reformat(*SIZE, format="yuv420p")
