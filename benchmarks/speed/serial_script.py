"""A typical script without a workflow: one process, lists of lists, one pickle.

python benchmarks/speed/serial_script.py MODEL OUTPUT CLIP... prints the number of frames.
"""

import math
import pickle
import sys
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
import pywt
from mediapipe.tasks import python as tasks
from mediapipe.tasks.python import vision

K = 10


def extract(model: str, path: str) -> tuple[list, list]:
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=model),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    landmarks, blendshapes = [], []
    capture = cv2.VideoCapture(path)
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    index = 0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            image = mp.Image(mp.ImageFormat.SRGB, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
            result = landmarker.detect_for_video(image, round(index * 1000 / fps))
            index += 1
            if result.face_landmarks:
                landmarks.append([[p.x, p.y, p.z] for p in result.face_landmarks[0]])
                blendshapes.append([c.score for c in result.face_blendshapes[0]])
            elif landmarks:
                landmarks.append(landmarks[-1])
                blendshapes.append(blendshapes[-1])
    capture.release()
    return landmarks, blendshapes


def haar(trajectory: list) -> list:
    length = 2 ** math.ceil(math.log2(max(len(trajectory), K)))
    level = int(math.log2(length / K))
    padded = list(trajectory) + [0.0] * (length - len(trajectory))
    approximation = pywt.wavedec(padded, "haar", level=level)[0] if level else padded
    return list(np.asarray(approximation[:K]) / math.sqrt(2**level))


if __name__ == "__main__":
    model, output, *clips = sys.argv[1:]
    features, frames = [], 0
    for clip in clips:
        landmarks, blendshapes = extract(model, clip)
        frames += len(landmarks)
        if not landmarks:
            continue
        features.append(
            {
                "file_path": clip,
                "landmarks": [
                    [haar([frame[i][axis] for frame in landmarks]) for axis in range(3)]
                    for i in range(478)
                ],
                "blendshapes": [haar([frame[i] for frame in blendshapes]) for i in range(52)],
            }
        )
    with Path(output).open("wb") as file:
        pickle.dump(features, file)
    print(frames)
