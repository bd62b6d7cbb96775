"""Results of a first run that never was: what a benchmark of later runs starts from.

The indexes of all buckets are written at once, without shards, and Snakemake takes them for its own
(`--touch`). With 100,000 clips that saves an hour of jobs; a clip that an event makes
stale is computed all the same, and with it its bucket, whose shards are not there.
"""

import math
from pathlib import Path

from benchmarks.scale.made_up_tracker import NOTE
from facewave.config.check import check_config
from facewave.config.schema import load_yaml
from facewave.features.encode_bucket import FEATURE_COLUMNS, feature_key
from facewave.features.groups import FaceOptions, WaveletOptions
from facewave.features.quality import QualityOptions
from facewave.storage.buckets import read_key_file
from facewave.storage.frame_files import clip_sha256
from facewave.storage.tables import format_rows, write_text
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TRACK_COLUMNS, TrackOptions, track_key

_TRACKED = {
    "width": 100, "height": 100, "fps": 25.0, "frames": 2, "frames_announced": 0, "detected": 2,
    "max_faces_seen": 1, "error": "", "notes": NOTE,
}  # fmt: skip
_JUDGED = {
    "valid": True, "reason": "", "frames": 2, "detected": 2, "detection_ratio": 1.0,
    "longest_gap": 0, "jitter": math.nan, "mean_abs_yaw": math.nan, "notes": NOTE,
}  # fmt: skip


def write_indexes(work: Path) -> None:
    """Write the indexes of tracks and features of every bucket that has a key file."""
    config = check_config(load_yaml(work / "config.yaml"))
    landmarker = config["landmarker"]
    names = LandmarkerOptions.__dataclass_fields__
    options = TrackOptions(
        LandmarkerOptions(**{name: landmarker[name] for name in names}),
        landmarker["default_fps"],
        landmarker["sha256"],
    )
    results = work / "results" / "scale"
    for path in sorted((results / "keys" / "tracks").glob("*.tsv")):
        tracked, judged = [], []
        for row in read_key_file(path):
            content = clip_sha256(work / row.file_path)
            key = track_key(content, fps=options.default_fps, options=options)
            tracked.append(
                {
                    "clip_id": row.clip_id,
                    "file_path": row.file_path,
                    "key": key,
                    "fingerprint": row.fingerprint,
                    "content_sha256": content,
                    **_TRACKED,
                }
            )
            code = feature_key(
                key,
                wavelet=WaveletOptions(**config["wavelet"]),
                quality=QualityOptions(**config["quality"]),
                face=FaceOptions(**config["features"]),
            )
            judged.append({"clip_id": row.clip_id, "key": code, "track_key": key, **_JUDGED})
        write_text(results / "tracks" / path.name, format_rows(TRACK_COLUMNS, tracked))
        write_text(results / "features" / path.name, format_rows(FEATURE_COLUMNS, judged))
