"""The upper limit: OpenCV and `detect_for_video` on the same clips, N processes, no results kept.

python benchmarks/speed/bare_loop.py MODEL PROCESSES CLIP... prints the number of frames.
"""

import multiprocessing
import sys

import cv2
from mediapipe.tasks.python import BaseOptions, vision
from mediapipe.tasks.python.vision.core.image import Image, ImageFormat


def run_clip(job: tuple[str, str]) -> int:
    model, path = job
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=model),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
        output_facial_transformation_matrixes=True,
    )
    frames = 0
    capture = cv2.VideoCapture(path)
    fps = capture.get(cv2.CAP_PROP_FPS) or 25.0
    with vision.FaceLandmarker.create_from_options(options) as landmarker:
        while True:
            ok, frame = capture.read()
            if not ok:
                break
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            landmarker.detect_for_video(Image(ImageFormat.SRGB, rgb), round(frames * 1000 / fps))
            frames += 1
    capture.release()
    return frames


if __name__ == "__main__":
    model, processes, *clips = sys.argv[1:]
    with multiprocessing.get_context("spawn").Pool(int(processes)) as pool:
        print(sum(pool.imap_unordered(run_clip, [(model, clip) for clip in clips], chunksize=1)))
