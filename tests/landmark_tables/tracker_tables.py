"""Tables of landmarks made up for tests, as OpenFace 2, py-feat and users of MediaPipe write."""

import csv
import io

import numpy as np

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.point_sets import point_set

OPENFACE_UNITS = (
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU12", "AU14", "AU15", "AU17",
    "AU20", "AU23", "AU25", "AU26", "AU45",
)  # fmt: skip
PY_FEAT_UNITS = (
    "AU01", "AU02", "AU04", "AU05", "AU06", "AU07", "AU09", "AU10", "AU11", "AU12", "AU14", "AU15",
    "AU17", "AU20", "AU23", "AU24", "AU25", "AU26", "AU28", "AU43",
)  # fmt: skip
EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def faces_68(frames, *, x=320.0, seed=0):
    """Return a face that moves a little: pixels (T, 68, 2), millimetres (T, 68, 3)."""
    random = np.random.default_rng(seed)
    face = point_set("dlib_68").canonical
    space = (
        10 * face * [1, -1, -1] + np.cumsum(random.normal(0, 1, (frames, 1, 3)), 0) + [0, 0, 500]
    )
    # The mouth opens and closes.
    space[:, 55:60, 1] += 5 * np.sin(np.arange(frames) / 3)[:, np.newaxis]
    return space[..., :2] * 0.8 + [x, 240.0], space


def openface_text(rows):
    """Return OpenFace's table.

    `rows` are (frame, face, seconds, confidence, success, pixels, millimetres, action units).
    """
    numbers = range(68)
    header = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "gaze_0_y"]
    header += ["eye_lmk_x_0", "eye_lmk_X_0", "pose_Tx", "pose_Rx"]
    header += [f"{axis}_{i}" for axis in "xyXYZ" for i in numbers]
    header += ["p_scale", "p_rx", "p_tx", "p_0", "p_1"]
    header += [f"{unit}_r" for unit in OPENFACE_UNITS] + [f"{unit}_c" for unit in OPENFACE_UNITS]
    lines = [", ".join(header)]
    for frame, face, time, confidence, success, flat, space, units in rows:
        cells = [f"{frame}", f"{face}", f"{time:.3f}", f"{confidence:.2f}", f"{success}"]
        cells += ["0.1"] * 6
        cells += [f"{value:.1f}" for axis in range(2) for value in flat[:, axis]]
        cells += [f"{value:.1f}" for axis in range(3) for value in space[:, axis]]
        cells += ["1.0"] * 5 + [f"{value:.2f}" for value in units]
        cells += [f"{value > 1:.2f}" for value in units]
        lines.append(", ".join(cells))
    return "\n".join(lines) + "\n"


def py_feat_text(rows, *, name="/videos/s1_happy.mp4"):
    """Return py-feat's table of rows `(frame, score, xy, units)`; a score of None: no face."""
    header = ["", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore"]
    header += [f"{axis}_{i}" for axis in "xy" for i in range(68)]
    header += ["Pitch", "Roll", "Yaw", *PY_FEAT_UNITS, *EMOTIONS, "input", "frame", "approx_time"]
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(header)
    for number, (frame, score, flat, units) in enumerate(rows):
        lost = score is None
        values = [*flat[:, 0], *flat[:, 1], 0, 0, 0, *units, *[1 / 7] * 7]
        cells = [""] * (5 + len(values)) if lost else [1, 2, 3, 4, score, *values]
        table.writerow([number, *cells, name, frame, f"00:{frame // 25:02d}"])
    return file.getvalue()


def plain_table(faces, *, width, height, times=None, **columns):
    """Return a MediaPipe table in the plain form: header and rows of numbers.

    `faces` has `landmarks` (T, N, d) and perhaps `blendshapes` (T, 52).
    """
    landmarks = np.asarray(faces["landmarks"])
    frames, count, axes = landmarks.shape
    header = ["frame", *columns, "width", "height"]
    parts = [np.arange(frames)[:, None], *(np.reshape(c, (-1, 1)) for c in columns.values())]
    parts += [np.full((frames, 1), width), np.full((frames, 1), height)]
    if times is not None:
        header.append("time_ms")
        parts.append(np.reshape(times, (-1, 1)))
    header += [f"{'xyz'[axis]}_{i}" for i in range(count) for axis in range(axes)]
    parts.append(landmarks.reshape(frames, -1))
    if "blendshapes" in faces:
        header += BLENDSHAPES
        parts.append(np.asarray(faces["blendshapes"]))
    return header, np.concatenate(parts, axis=1)


def write_csv(path, header, rows):
    """Write a table of numbers with all their digits; NaN as a blank."""
    lines = [",".join(header)]
    lines += [",".join("" if v != v else repr(float(v)) for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
