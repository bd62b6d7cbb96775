"""Renderer of the demo corpus: clips of a public-domain portrait that is warped into expressions.

The portrait is ``skimage.data.astronaut``: the astronaut Eileen Collins, a work of NASA, in the
public domain. What comes out is synthetic, and a caption in the corner of each frame says so.

Once a clip, a thin-plate spline carries the smiling portrait over to the subject's relaxed face
with closed lips. Each frame then needs one spline, from where the points of the face are to where
they rest, evaluated on a coarse grid, and one resampling of the picture. Opened lips uncover a
second layer behind them that is fixed to the skull: the portrait's own teeth on a dark ground.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data
from threadpoolctl import threadpool_limits

from facewave.atomic import atomic_path
from facewave.datasets.demo import DemoClip
from facewave.demo_expressions import (
    NAMES,
    Array,
    Performance,
    dense_weights,
    outer_lip_ring,
    perform,
    portrait_points,
    random_stream,
    smooth_step,
    subject_points,
)

Image: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.floating[Any]]

LEAST_SIZE = 64
FOURCC = "mp4v"

# The rendered square on the portrait: centre and side in pixels, and how far it is turned so that
# the eyes are level (degrees). The table of points in `demo_expressions` rests on these.
_CENTRE, _CENTRE_IN_FRAME, _SIDE, _TURN = (225.9272, 124.5665), (0.5, 0.49), 240.0, 2.8051
# Pictures reach this far beyond the frame (frame units), so that moving never bares their end.
_MARGIN = 0.1
# Samples along a side of the grid on which splines are evaluated: for a frame, and once a clip
# for closing the portrait's lips, which is almost a tear.
_GRID, _FINE_GRID = 80, 256
# Ellipses around the face: centre x, y, half axes (frame units). On them warps have faded to zero.
_STILL_AROUND_HEAD = (0.495, 0.46, 0.42, 0.44)
_STILL_AROUND_FACE = (0.495, 0.49, 0.28, 0.33)
# The part that moves with the head, and the point about which it turns.
# Top, bottom, left and right of the part of a frame in which the mouth is always found.
_AROUND_MOUTH = (0.46, 0.80, 0.30, 0.70)
_MOVING, _NECK = (0.495, 0.42, 0.36, 0.40), (0.495, 0.70)

_DENSE, _EDGES = dense_weights()
_LIP_RING = _EDGES["lip_up"] + _EDGES["lip_low"][-2:0:-1]
_NECK_OUTLINE = np.array([(0.35, 0.60), (0.625, 0.60), (0.62, 0.80), (0.36, 0.80)])
_BROW_COLOUR, _FROWN_COLOUR = (48, 66, 92), (84, 104, 150)
_LIP_COLOUR = (98, 88, 178)
_LIP_LINE = (64, 56, 108)
_MOUTH_DARK = (22, 18, 40)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep the libraries to this thread.

    A scheduler counts on it, sums come out the same on any number of cores, and small systems of
    equations are solved many times faster than by threads that wait for each other.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        cv2.setNumThreads(threads)


@dataclass(frozen=True)
class Subject:
    """A made-up person, ready to be moved.

    Attributes:
        rest: (C, 2) float64 points of the relaxed face, frame units.
        skin: (H, H, 3) uint8 BGR picture of the relaxed face, with a margin around the frame.
        folds: the same with the lines that a smile draws from the nose to beside the mouth.
        frown: the same with the upright lines of knit brows.
        mouth: (H, H, 3) uint8 BGR picture of what lies behind the lips.
        mirrored: whether frames are flipped left to right.
    """

    rest: Array
    skin: Image
    folds: Image
    frown: Image
    mouth: Image
    mirrored: bool


def render_clip(clip: DemoClip, path: Path, *, size: int, fps: float, seed: int) -> int:
    """Render a clip into a video file; the same arguments give the same bytes.

    Args:
        clip: what to render.
        path: the file to write, ending in ``.mp4``; it appears whole or not at all.
        size: width and height in pixels, even, at least :data:`LEAST_SIZE`.
        fps: frames a second, 1 to 240.
        seed: seed of all random choices.

    Returns:
        The number of frames: 2 to 4 seconds of them.

    Raises:
        ValueError: `size` or `fps` is out of range, or `path` has another suffix.
        RuntimeError: this build of OpenCV cannot encode the video, or not all of it was written.
    """
    _check_options(path, size=size, fps=fps)
    with _one_thread():
        return _render(clip, path, size=size, fps=fps, seed=seed)


def _render(clip: DemoClip, path: Path, *, size: int, fps: float, seed: int) -> int:
    subject = make_subject(clip.subject, size=size, seed=seed)
    performance = perform(clip, subject.rest, fps=fps, seed=seed)
    noise = _noise_plate(random_stream(seed, clip.clip_id, "noise"), size)
    frames = len(performance.points)
    with atomic_path(path) as temporary:
        writer = _open_writer(temporary, size=size, fps=fps)
        try:
            for index in range(frames):
                picture = render_frame(subject, performance, index, size=size)
                writer.write(_finish(picture, _crop_noise(noise, index, size)))
        finally:
            writer.release()
        _check_written(temporary, frames)
    return frames


def make_subject(name: str, *, size: int, seed: int) -> Subject:
    """Make up a subject: shape of the face, colours, side.

    Args:
        name: the subject's name; with `seed` it determines everything.
        size: width and height of the frames in pixels.
        seed: the corpus's seed.
    """
    stream = random_stream(seed, name, "subject")
    rest = subject_points(stream)
    relaxed, smiling = _DENSE @ rest, _DENSE @ portrait_points()
    portrait = _recolour(_upright_portrait(size), stream, size)
    places = _cell_centres(_FINE_GRID, -_MARGIN, len(portrait) / size - _MARGIN)
    warp = spline_shifts(relaxed, smiling, places, _STILL_AROUND_HEAD)
    # Behind closed lips there is one dark line, not teeth squeezed into it.
    inside = _polygon_mask(smiling[_LIP_RING], portrait, size)
    where = _pixel_map(warp, size=size, side=len(portrait), first=0)
    painted = _blend(_redden_lips(portrait, smiling, size), _LIP_LINE, inside)
    folds = _paint_brows(_fetch(painted, where), rest, size)
    skin = _soften_folds(folds, rest, size)
    frown = _paint_frown(skin, rest, size)
    # Teeth belong to the skull: they follow the base of the nose, not the lips.
    slide = (relaxed - smiling)[NAMES.index("nose_base")]
    teeth = cv2.warpAffine(portrait, np.column_stack([np.eye(2), slide * size]), inside.shape)
    behind = cv2.GaussianBlur(_polygon_mask(smiling[_LIP_RING] + slide, portrait, size), (3, 3), 0)
    mouth = _blend(np.full_like(teeth, _MOUTH_DARK), teeth, behind)
    return Subject(rest, skin, folds, frown, mouth, bool(stream.integers(2)))


def render_frame(subject: Subject, performance: Performance, index: int, *, size: int) -> Image:
    """Draw frame `index` of a performance without noise and caption.

    Returns:
        (size, size, 3) uint8 BGR.
    """
    points = _DENSE @ performance.points[index]
    head = _undo_head_pose(performance.pose[index])
    unmoved = _cell_centres(_GRID, 0.0, 1.0) + head
    face = spline_shifts(points, _DENSE @ subject.rest, unmoved, _STILL_AROUND_FACE)
    place = {"size": size, "side": size, "first": _MARGIN * size}
    lines = performance.lines[index]
    skin = _mix(_mix(subject.skin, subject.folds, lines[0]), subject.frown, lines[1])
    frame = _fetch(skin, _pixel_map(head + face, **place))
    top, bottom, left, right = (round(edge * size) for edge in _AROUND_MOUTH)
    window = np.s_[top:bottom, left:right]
    behind = _pixel_map(head, **place)[window]
    lips = _polygon_mask(points[_LIP_RING], subject.skin, size)
    lips = _fetch(lips, behind)
    # Light reaches the teeth only where the lips are well apart; a thin gap is a dark line.
    light = _stretch(cv2.GaussianBlur(lips, (0, 0), 0.006 * size), 0.3, 0.8)
    mouth = _blend(np.full_like(frame[window], _MOUTH_DARK), _fetch(subject.mouth, behind), light)
    frame[window] = _blend(frame[window], mouth, lips)
    frame = cv2.convertScaleAbs(frame, alpha=performance.gain[index])
    return cast(Image, cv2.flip(frame, 1) if subject.mirrored else frame)


def spline_shifts(
    at: Array, to: Array, places: Floats, still: tuple[float, float, float, float]
) -> Floats:
    """Thin-plate spline through the shifts that take points `at` to points `to`.

    Args:
        at: (C, 2) float64 points, frame units.
        to: (C, 2) float64 where each of them is to be found.
        places: (..., 2) float32 where to evaluate.
        still: centre x, y and half axes of the ellipse on which the shift is zero, as outside it.

    Returns:
        (..., 2) float32 shifts, frame units.
    """
    angle = np.arange(16) * (2 * np.pi / 16)
    rim = np.array(still[:2]) + np.stack([np.cos(angle), np.sin(angle)], 1) * still[2:]
    centres = np.concatenate([at, rim])
    count = len(centres)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(centres, centres)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :] = centres
    system[count + 1 :, :count] = centres.T
    values = np.zeros((count + 3, 2))
    values[: len(at)] = to - at
    weights = np.linalg.solve(system, values).astype(np.float32)

    radius = _ellipse_radius(places, still)
    inside = radius < 1
    here = places[inside]
    shifts = _kernel(here, centres.astype(np.float32)) @ weights[:count]
    shifts += weights[count] + here @ weights[count + 1 :]
    result = np.zeros_like(places)
    # The rim is held at 16 points only: between them the fade makes it exactly still.
    result[inside] = shifts * (1 - smooth_step((radius[inside] - 0.85) / 0.15))[:, None]
    return result


def _kernel(places: Floats, centres: Floats) -> Floats:
    """Thin-plate kernel r² log r² between all places and centres: (N, C)."""
    square = np.square(places[:, None, 0] - centres[:, 0])
    square += np.square(places[:, None, 1] - centres[:, 1])
    square += np.finfo(np.float32).tiny
    return cast(Floats, np.sqrt(square))


def _undo_head_pose(pose: Array) -> Floats:
    """Shift from each cell of the frame back to the unmoved head: (G, G, 2) float32."""
    x, y, roll, scale, yaw, pitch = pose
    places, moving, depth = _head_model()
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]) / scale
    unmoved = (places - np.add(_NECK, (x, y))) @ turn + _NECK
    shift = moving * (unmoved - places) - depth * np.array([yaw, pitch])
    return cast(Floats, shift.astype(np.float32))


@cache
def _head_model() -> tuple[Floats, Floats, Floats]:
    """Cell centres (G, G, 2), how much each moves with the head, how far it sticks out (G, G, 1)."""
    places = _cell_centres(_GRID, 0.0, 1.0)
    moving = 1 - smooth_step((_ellipse_radius(places, _MOVING) - 0.85) / 0.5)
    depth = np.exp(-np.square(_ellipse_radius(places, (0.4935, 0.47, 0.16, 0.21))))
    return places, moving[..., None], depth[..., None]


def _ellipse_radius(places: Floats, ellipse: tuple[float, float, float, float]) -> Floats:
    """Distance from an ellipse's centre, 1 on the ellipse: (...,)."""
    scaled = (places - np.array(ellipse[:2], np.float32)) / np.array(ellipse[2:], np.float32)
    return cast(Floats, np.hypot(scaled[..., 0], scaled[..., 1]))


@cache
def _cell_centres(count: int, start: float, stop: float) -> Floats:
    """Centres (x, y) of `count` by `count` cells from `start` to `stop`: (count, count, 2)."""
    line = start + (np.arange(count, dtype=np.float32) + 0.5) * ((stop - start) / count)
    return np.stack(np.meshgrid(line, line), axis=-1).astype(np.float32)


def _pixel_map(shifts: Floats, *, size: int, side: int, first: float) -> Floats:
    """Where each pixel of a square comes from, in pixels of a picture: (side, side, 2) float32.

    Args:
        shifts: (G, G, 2) float32 coarse shifts, frame units.
        size: pixels in a frame unit.
        side: the square's width and height in pixels.
        first: place of the square's first pixel on the picture.
    """
    fine = cv2.resize(shifts * np.float32(size), (side, side), interpolation=cv2.INTER_CUBIC)
    return cast(Floats, fine + _cell_centres(side, first - 0.5, first + side - 0.5))


def _fetch(picture: Image, where: Floats) -> Image:
    border = cv2.BORDER_REPLICATE
    return cast(Image, cv2.remap(picture, where, None, cv2.INTER_CUBIC, borderMode=border))


def _polygon_mask(ring: Array, picture: Image, size: int) -> Image:
    """Soft-edged mask (H, H) of a polygon (N, 2; frame units) on a picture with margin."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    # OpenCV counts from pixel centres; its polygons take sixteenths of a pixel.
    corners = np.rint(((ring + _MARGIN) * size - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, 4)
    return mask


def _blend(below: Image, above: Image | tuple[int, int, int], mask: Image) -> Image:
    """Lay `above` over `below` where `mask` (H, W) is 255."""
    alpha = mask[..., None].astype(np.float32) / 255
    return cast(Image, np.rint(below + alpha * (np.float32(above) - below)).astype(np.uint8))


def _stretch(mask: Image, low: float, high: float) -> Image:
    """Make a mask (H, W) 0 up to `low` and 255 from `high` on, both as parts of 255."""
    scale = 1 / (high - low)
    return cast(Image, cv2.addWeighted(mask, scale, mask, 0, -255 * low * scale))


def _upright_portrait(size: int) -> Image:
    """The portrait turned, cropped and scaled to the frame with its margin: (H, H, 3) BGR."""
    portrait = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    step = _SIDE / size
    if step > 1:
        portrait = cv2.GaussianBlur(portrait, (0, 0), 0.5 * step)
    angle = np.deg2rad(_TURN)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * step
    first = (0.5 / size - _MARGIN - np.array(_CENTRE_IN_FRAME)) * size
    corner = np.array(_CENTRE) + turn @ first - 0.5
    side = round(size * (1 + 2 * _MARGIN))
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    matrix = np.column_stack([turn, corner])
    return cast(
        Image,
        cv2.warpAffine(portrait, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REFLECT),
    )


def _recolour(portrait: Image, stream: np.random.Generator, size: int) -> Image:
    """Tint the background, then colour and light the whole picture."""
    picture = portrait.astype(np.float32)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(portrait, cv2.COLOR_BGR2HSV), 2, 0)
    places = _cell_centres(len(portrait), -_MARGIN, len(portrait) / size - _MARGIN)
    # The wall behind is pale and greyish; so are teeth and eyes, but those lie inside the face.
    wall = np.clip((70 - saturation.astype(np.float32)) / 30, 0, 1)
    wall *= np.clip((value.astype(np.float32) - 110) / 30, 0, 1)
    for outline in (cv2.convexHull(np.float32(portrait_points()))[:, 0], _NECK_OUTLINE):
        wall *= 1 - _polygon_mask(outline, portrait, size).astype(np.float32) / 255
    wall = cv2.GaussianBlur(wall, (0, 0), size / 256)[..., None]
    picture *= 1 + wall * (stream.uniform(0.5, 1.05) * stream.uniform(0.88, 1.12, 3) - 1)
    slope = stream.uniform(-0.25, 0.25, 2)
    light = 1 + (places - 0.5) @ slope
    picture = 255 * (picture / 255) ** stream.uniform(0.8, 1.25)
    picture *= light[..., None] * stream.uniform(0.93, 1.07, 3) * stream.uniform(0.9, 1.08)
    return cast(Image, np.clip(np.rint(picture), 0, 255).astype(np.uint8))


def _mix(first: Image, second: Image, part: float) -> Image:
    return cast(Image, cv2.addWeighted(first, 1 - part, second, part, 0))


def _strokes(lines: list[Array], width: float, size: int) -> Image:
    """Soft mask of strokes along `lines` (N, 2), all in frame units, on a picture with margin."""
    side = round(size * (1 + 2 * _MARGIN))
    mask = np.zeros((side, side), np.uint8)
    for line in lines:
        corners = np.rint(((line + _MARGIN) * size - 0.5) * 16).astype(np.int32)
        cv2.polylines(mask, [corners], False, 255, max(1, round(width * size)), cv2.LINE_AA, 4)
    return cast(Image, cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.004 * size)))


def _paint_brows(skin: Image, rest: Array, size: int) -> Image:
    """Darken the brows, which are so thin and fair that the landmarker hardly sees them move."""
    lines = []
    for side in ("left", "right"):
        upper, lower = (
            rest[[NAMES.index(f"{row}_{part}.{side}") for part in ("out", "mid", "in")]]
            for row in ("brow", "brow_low")
        )
        lines.append((upper + lower) / 2)
    mask = cv2.convertScaleAbs(_strokes(lines, 0.012, size), alpha=0.6)
    return _blend(skin, _BROW_COLOUR, mask)


def _paint_frown(skin: Image, rest: Array, size: int) -> Image:
    """Draw the upright lines that knit brows make above the nose."""
    top, foot = rest[NAMES.index("glabella")], rest[NAMES.index("nose_root")]
    lines = []
    for side in (-1, 1):
        line = np.array([0.8 * top + 0.2 * foot, 0.2 * top + 0.8 * foot])
        lines.append(line + np.array([[side * 0.017, 0], [side * 0.014, 0]]))
    return _blend(skin, _FROWN_COLOUR, cv2.convertScaleAbs(_strokes(lines, 0.006, size), alpha=0.7))


def _redden_lips(portrait: Image, points: Array, size: int) -> Image:
    """Colour the lips, which are pale and drawn thin by the smile, so that they show when closed."""
    lips = _polygon_mask(points[outer_lip_ring()], portrait, size)
    soft = cv2.GaussianBlur(lips, (0, 0), 0.004 * size)
    return _blend(portrait, _LIP_COLOUR, cv2.convertScaleAbs(soft, alpha=0.4))


def _soften_folds(skin: Image, rest: Array, size: int) -> Image:
    """Fade the lines that the portrait's smile draws from the nose to beside the mouth."""
    names = ("ala", "fold_high", "fold_low", "beside_mouth")
    lines = [rest[[NAMES.index(f"{n}.{side}") for n in names]] for side in ("left", "right")]
    mask = _strokes(lines, 0.02, size)
    smooth = cv2.inpaint(skin, np.uint8(mask > 60) * 255, 0.02 * size, cv2.INPAINT_TELEA)
    return _blend(skin, smooth, cv2.convertScaleAbs(mask, alpha=0.85))


def _noise_plate(stream: np.random.Generator, size: int) -> npt.NDArray[np.int16]:
    """One field of sensor noise; frames take different crops of it: (size + 32, size + 32, 3)."""
    return np.rint(stream.normal(0, 1.5, (size + 32, size + 32, 3))).astype(np.int16)


def _crop_noise(plate: npt.NDArray[np.int16], index: int, size: int) -> npt.NDArray[np.int16]:
    left, top = 7 * index % 32, 13 * index % 32
    return plate[top : top + size, left : left + size]


def _finish(picture: Image, noise: npt.NDArray[np.int16]) -> Image:
    """Add noise and the caption."""
    frame = cv2.add(picture, noise, dtype=cv2.CV_8U)
    size = len(frame)
    place = (round(0.02 * size), round(0.98 * size))
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(frame, "synthetic", place, font, size / 700, (230, 230, 230), 1, cv2.LINE_AA)
    return cast(Image, frame)


def _check_options(path: Path, *, size: int, fps: float) -> None:
    if size < LEAST_SIZE or size % 2:
        raise ValueError(f"demo: size must be even and at least {LEAST_SIZE}, not {size}")
    if not 1 <= fps <= 240:
        raise ValueError(f"demo: fps must be 1 to 240, not {fps}")
    if Path(path).suffix != ".mp4":
        raise ValueError(f"demo: clips are .mp4 files, not {Path(path).name}")


def _open_writer(path: Path, *, size: int, fps: float) -> cv2.VideoWriter:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*FOURCC), fps, (size, size))
    if not writer.isOpened():
        raise RuntimeError(
            f"demo: OpenCV {cv2.__version__} cannot encode {FOURCC} in .mp4 here; "
            "the wheels opencv-python, opencv-contrib-python and their headless forms can"
        )
    return writer


def _check_written(path: Path, frames: int) -> None:
    """Raise where the container holds fewer frames: OpenCV's writer does not report errors."""
    capture = cv2.VideoCapture(str(path))
    held = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    capture.release()
    if held != frames:
        raise RuntimeError(f"demo: {held} of {frames} frames were written; is the disk full?")
