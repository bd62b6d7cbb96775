"""A reading process in which some clips end or stop it while they are tracked, by their names."""

import ctypes
import os
import sys
import time
from contextlib import contextmanager

from facewave.tracking import track_video as tracks
from facewave.tracking import worker as track_worker
from facewave.video.reader import serve
from tests.tracking.fake_faces import ScriptedLandmarker


@contextmanager
def fake_landmarker(model, options):
    if "unusable" in model.read_text():
        ctypes.string_at(0)
    if "refused" in model.read_text():
        raise track_worker.LandmarkerError("no face landmarker")
    yield ScriptedLandmarker([[(0.5, 0.5, 0.3)]] * 200)


def track_video(job, *, on_frame):
    path, name = job.video_path, job.video_path.stem
    if name == "segfault":
        ctypes.string_at(0)
    if name == "spin":
        while True:
            pass
    if name == "sleep":
        time.sleep(600)
    if name == "once" and not path.with_suffix(".seen").exists():
        path.with_suffix(".seen").touch()
        os.kill(os.getpid(), 9)
    if name == "killed":
        os.kill(os.getpid(), 9)
    if name == "full":
        raise OSError(28, "No space left on device", "store")
    if name == "disk":
        raise OSError(5, "Input/output error", str(path))
    if name == "unexpected":
        raise KeyError(f"mistake at frame {len(str(path))} of '{path}'")
    if name == "one":
        raise ValueError("an odd clip")
    return tracks.track_video(job, on_frame=on_frame)


tracks.face_tracker = fake_landmarker
track_worker.video_landmarker = fake_landmarker
track_worker.track_video = track_video

if __name__ == "__main__":
    serve(int(sys.argv[1]))
