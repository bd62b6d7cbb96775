"""Cost of looking for further people where there is one: frames per second with and without.

python benchmarks/speed/bench_people.py MODEL CLIP... prints `one_face_cost`: the speed of tracking
with people (their landmarkers, links and looks) divided by that of one bare landmarker, both with
decoding, in processor time of the same process, in turns.
"""

import sys
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from facewave.tracking.appearance import face_patch  # noqa: E402
from facewave.tracking.landmarker import (  # noqa: E402
    Faces,
    LandmarkerOptions,
    video_landmarker,
)
from facewave.tracking.linking import Linker  # noqa: E402
from facewave.tracking.track_video import Picture, TrackJob, detected_faces  # noqa: E402
from facewave.video.open import open_video  # noqa: E402

_CLIPS = 24
_ROUNDS = 2


def bare(model: Path, clip: Path) -> None:
    """Track a clip with one landmarker."""
    options = LandmarkerOptions(max_faces=1)
    with open_video(clip) as video, video_landmarker(model, options) as landmarker:
        for frame in video.frames():
            landmarker.detect(frame.image, frame.ms)


def with_people(model: Path, clip: Path) -> None:
    """Track a clip as `track_video` does."""
    linker = Linker()
    job = TrackJob(
        video_path=clip,
        shard=clip,  # not written
        model=model,
        options=LandmarkerOptions(max_faces=4),
        default_fps=25.0,
        provenance={},
    )
    with open_video(clip) as video:
        for picture, faces in detected_faces(video, job):
            patch = partial(_patch, picture, faces)
            cut = picture.cut or picture.blended_ms is not None
            linker.add(picture.index, picture.ms, faces.boxes, patch, cut=cut)


def _patch(picture: Picture, faces: Faces, row: int) -> object:
    return face_patch(picture.image, faces.landmarks[row])


def measure(model: Path, clips: list[Path]) -> float:
    """Return `one_face_cost` over a few of the clips."""
    chosen = clips[:: max(1, len(clips) // _CLIPS)][:_CLIPS]
    seconds = {bare: 0.0, with_people: 0.0}
    for number, clip in enumerate(chosen):
        if number == 0:
            with_people(model, clip)  # loads the libraries
        for turn in range(_ROUNDS):
            order = (bare, with_people) if (number + turn) % 2 else (with_people, bare)
            for track in order:
                started = time.process_time()
                track(model, clip)
                seconds[track] += time.process_time() - started
    return seconds[bare] / seconds[with_people]


if __name__ == "__main__":
    print(f"one_face_cost: {measure(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]):.3f}")
