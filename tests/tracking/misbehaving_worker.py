"""A tracking worker in which some clips end or stop the process, by their names."""

import ctypes
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from facewave.tracking import track_video as tracks
from facewave.tracking import worker as track_worker
from tests.tracking.fake_faces import ScriptedLandmarker


@contextmanager
def fake_landmarker(model, options):
    if "unusable" in model.read_text():
        ctypes.string_at(0)
    if "stuck" in model.read_text():
        time.sleep(600)
    yield ScriptedLandmarker([[(0.5, 0.5, 0.3)]] * 200)


def track_video(job, *, on_frame):
    path, name = job.video_path, job.video_path.stem
    if name == "segfault":
        ctypes.string_at(0)
    if name == "exit":
        os._exit(3)
    if name == "hang":
        time.sleep(600)
    if name == "slow":
        for _ in range(4):
            time.sleep(0.5)
            on_frame()
    if name == "once" and not path.with_suffix(".seen").exists():
        path.with_suffix(".seen").touch()
        os.kill(os.getpid(), 9)
    if name == "killed":
        os.kill(os.getpid(), 9)
    if name == "full":
        raise OSError(28, "No space left on device", "store")
    if name == "unexpected":
        raise KeyError("a mistake of ours")
    if name == "noisy":
        sys.stdout.write("printed by a library\n")
    return tracks.track_video(job, on_frame=on_frame)


tracks.video_landmarker = fake_landmarker
track_worker.video_landmarker = fake_landmarker
track_worker.track_video = track_video

if __name__ == "__main__":
    assert Path(track_worker.__file__).name == "worker.py"
    track_worker.main(int(sys.argv[1]))
