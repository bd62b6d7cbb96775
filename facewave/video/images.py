"""Decoded pictures as arrays: RGB, upright, with square pixels, of the size that is wanted."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Pixels that are longer than this are a damaged header.
_LONGEST_PIXEL = 4.0
# The decoders of images in folders, by the first bytes of a file.
_MAGIC = ((b"\xff\xd8", "mjpeg"), (b"\x89PNG", "png"), (b"BM", "bmp"), (b"RIFF", "webp"))


def rgb_converter() -> Callable[[Any, int, int], Image]:
    """Return a function that makes an RGB array, (height, width, 3), of a frame of PyAV's.

    It keeps FFmpeg's tables for frames of one size, and averages where it makes them smaller.
    """
    from av.video.reformatter import VideoReformatter

    reformatter = VideoReformatter()

    def to_rgb(frame: Any, width: int, height: int) -> Image:
        smaller = width * height < frame.width * frame.height
        rgb = reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            interpolation="AREA" if smaller else "BICUBIC",
            threads=1,
        )
        plane: Any = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            :height, : 3 * width
        ]
        image: Image = rows.reshape(height, width, 3).copy()
        return image

    return to_rgb


def square_pixels(width: int, height: int, pixel: Any) -> tuple[int, int]:
    """Return the size at which a picture has square pixels: the longer side of a pixel is kept.

    Args:
        width, height: in the pixels that are stored.
        pixel: width / height of a pixel, a fraction; None or 0 if it is not known.
    """
    ratio = float(pixel or 1)
    if not 1 / _LONGEST_PIXEL <= ratio <= _LONGEST_PIXEL:
        return width, height
    return (round(width * ratio), height) if ratio > 1 else (width, round(height / ratio))


def upright(image: Image, frame: Any) -> Image:
    """Turn and mirror an image as the display matrix of its frame says.

    The matrix maps stored to shown coordinates: x' = ax + cy, y' = bx + dy (ISO/IEC 14496-12).
    Of angles between the quarters of a turn, the nearest quarter is taken.
    """
    from av.sidedata.sidedata import SideDataContainer

    # `frame.side_data` keeps this in the frame, a circle: hundreds of frames would wait in memory.
    parts = SideDataContainer(frame)  # type: ignore[call-arg]  # the stub knows no argument
    if not len(parts):
        return image
    matrix = next((part for part in parts if part.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return image
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    if abs(a) + abs(d) < abs(b) + abs(c):
        image, across, down = image.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    image = image[:, ::-1] if across < 0 else image
    image = image[::-1] if down < 0 else image
    return np.ascontiguousarray(image)


def fitted(image: Image, *, width: int, height: int) -> Image:
    """Return an image scaled to fit a size and padded with black, its shape kept."""
    if image.shape[:2] == (height, width):
        return image
    import cv2

    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, inner, interpolation=smooth)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = small
    return canvas


def decoder_pixels(max_pixels: int) -> int:
    """Return the bound for FFmpeg, which counts the borders that a decoder adds to a picture."""
    return 2 * max_pixels + (1 << 20)


def decode_image(data: bytes, *, max_pixels: int) -> Image | None:
    """Return a picture file's image, uint8 (height, width, 3) RGB.

    None if it cannot be decoded or is too large.

    Args:
        data: the bytes of a JPEG, PNG, BMP or WebP file.
        max_pixels: width times height of the largest picture that is decoded.
    """
    import av

    decoder = next((name for magic, name in _MAGIC if data.startswith(magic)), None)
    if decoder is None:
        return None
    context: Any = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    context.options = {"max_pixels": str(decoder_pixels(max_pixels))}
    try:
        frames = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.error.FFmpegError, ValueError):
        return None
    if not frames or frames[0].is_corrupt:
        return None
    frame = frames[0]
    if frame.width * frame.height > max_pixels:
        return None
    return upright(rgb_converter()(frame, frame.width, frame.height), frame)
