"""Videos made for tests: a portrait that moves, and containers with a byte or two changed."""

import struct
import wave
from functools import cache

import cv2
import numpy as np
import skimage.data

BOX_PARENTS = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl")


@cache
def portrait(side=192):
    """Return the public-domain portrait that scikit-image ships, BGR, cropped to head and neck."""
    crop = skimage.data.astronaut()[0:240, 105:345, ::-1]
    return cv2.resize(np.ascontiguousarray(crop), (side, side), interpolation=cv2.INTER_AREA)


def face_frames(count, *, width=192, height=192, centre=None, side=192):
    """Yield BGR frames of a portrait that sways a little about `centre`, on grey."""
    x, y = centre or (width / 2, height / 2)
    for index in range(count):
        shift = 3.0 * np.sin(index / 3)
        place = np.float32([[1, 0, x - side / 2 + shift], [0, 1, y - side / 2 - shift / 2]])
        yield cv2.warpAffine(
            portrait(side),
            place,
            (width, height),
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=[127] * 3,
        )


def flat_frames(count, *, width=64, height=48):
    """Yield BGR frames without anything in them, each of another grey."""
    for index in range(count):
        yield np.full((height, width, 3), 40 + 5 * (index % 40), np.uint8)


def beside(left, right):
    """Yield frames that show two frames side by side."""
    for pair in zip(left, right, strict=True):
        yield np.concatenate(pair, axis=1)


def write_video(path, frames, *, fps=25.0, codec="mp4v", color=True):
    """Encode frames with OpenCV; the container follows the suffix."""
    writer = None
    for frame in frames:
        if writer is None:
            size, fourcc = (frame.shape[1], frame.shape[0]), cv2.VideoWriter_fourcc(*codec)
            writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, fourcc, fps, size, color)
            assert writer.isOpened()
        writer.write(frame)
    writer.release()
    return path


def cut(path, share, target=None):
    """Keep the first `share` of a file's bytes."""
    data = path.read_bytes()
    target = target or path
    target.write_bytes(data[: int(share * len(data))])
    return target


def boxes(data):
    """Yield kind and body of the boxes of an MP4, one level."""
    start = 0
    while start < len(data):
        size, kind = struct.unpack_from(">I4s", data, start)
        yield kind, data[start + 8 : start + size]
        start += size


def box(kind, body):
    return struct.pack(">I4s", 8 + len(body), kind) + body


def edit_boxes(data, change):
    """Return an MP4 with `change(kind, body)` applied to every box that holds no others."""
    return b"".join(
        box(kind, edit_boxes(body, change) if kind in BOX_PARENTS else change(kind, body))
        for kind, body in boxes(data)
    )


def change_box(path, kind, change):
    """Replace the body of a kind of box; the index must stand behind the frames."""

    def edit(found, body):
        return change(body) if found == kind else body

    path.write_bytes(edit_boxes(path.read_bytes(), edit))
    return path


def rotate_flag(path, degrees):
    """Say in the track header that players must turn the frames clockwise."""
    a, b, c, d = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[degrees]
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    return change_box(path, b"tkhd", lambda body: body[:40] + matrix + body[76:])


def set_frame_times(path, ticks):
    """Give each frame of an MP4 its own duration in ticks of its clock (12800 a second at 25)."""
    entries = b"".join(struct.pack(">II", 1, duration) for duration in ticks)
    change_box(path, b"stts", lambda body: bytes(4) + struct.pack(">I", len(ticks)) + entries)
    # Without the edit list, which would hide what lies behind the earlier duration.
    return change_box(path, b"elst", lambda body: bytes(8))


def trim(path, *, start_ticks, duration_ms):
    """Let an MP4's edit list show only a part of its frames, as trimming without coding does."""
    edit = struct.pack(">IIIiI", 0, 1, duration_ms, start_ticks, 1 << 16)
    return change_box(path, b"elst", lambda body: edit)


def index_first(path):
    """Move an MP4's index before its frames, so that the start of the file can be played."""
    parts = dict(boxes(path.read_bytes()))
    offset = len(box(b"moov", parts[b"moov"]))

    def shifted(kind, body):
        if kind != b"stco":
            return body
        count = struct.unpack_from(">I", body, 4)[0]
        places = struct.unpack_from(f">{count}I", body, 8)
        return body[:8] + struct.pack(f">{count}I", *(place + offset for place in places))

    index = box(b"moov", edit_boxes(parts.pop(b"moov"), shifted))
    kinds = [box(kind, body) for kind, body in parts.items()]
    path.write_bytes(kinds[0] + index + b"".join(kinds[1:]))
    return path


def set_avi_rate(path, *, rate, scale):
    """Overwrite the frame rate in an AVI's headers."""
    data = bytearray(path.read_bytes())
    microseconds = min(0xFFFFFFFF, 1_000_000 * scale // rate if rate else 0)
    struct.pack_into("<I", data, data.index(b"avih") + 8, microseconds)
    stream = data.index(b"strh") + 8
    struct.pack_into("<II", data, stream + 20, scale, rate)
    path.write_bytes(data)
    return path


def write_mjpeg(path, frames):
    """Write frames as JPEGs one after the other: no container, any size."""
    path.write_bytes(b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames))
    return path


def write_silence(path, seconds=1):
    """Write a sound file in WAV format."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000 * seconds))
    return path
