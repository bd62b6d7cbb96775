"""Real video through the real command: what comes out of each clip, and at what memory."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from facewave.storage.tables import iter_rows
from tests.workflow.workflow import ROOT, environment, snakemake

pytestmark = pytest.mark.workflow

ACTOR = "ravdess/Video_Speech_Actor_01/Actor_01"


def prepare(work: Path, model: Path, data: Path, rows: list[tuple[str, str]]) -> None:
    shutil.copy2(model, work / "model.task")
    lines = ["file_path,clip_id,label", *(f"{path},{clip_id},neutral" for path, clip_id in rows)]
    (work / "labels.csv").write_text("\n".join(lines) + "\n")
    dataset = {"adapter": "table", "root": str(data), "table": str(work / "labels.csv")}
    config = {
        "enabled": ["real"],
        "datasets": {"real": {**dataset, "classes": ["neutral", "happy"]}},
        "landmarker": {"model": "model.task"},
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))


def index(work: Path, stage: str) -> dict[str, dict[str, str]]:
    rows = {}
    for path in (work / "results" / "real" / stage).glob("*.tsv"):
        rows |= {row["clip_id"]: row for row in iter_rows(path, ("clip_id",))}
    return rows


def test_real_clips_give_what_they_hold(
    tmp_path: Path, landmarker_model: Path, real_clips: Path
) -> None:
    rows = [
        (f"{ACTOR}/01-01-01-01-01-01-01.mp4", "with_sound"),
        (f"{ACTOR}/02-01-01-01-01-01-01.mp4", "without_sound"),
        ("edge/no_face.mp4", "no_face"),
        ("edge/face_then_none.mov", "face_leaves"),
        ("long/talking_30s.mp4", "talking"),
    ]
    if missing := [path for path, _ in rows if not (real_clips / path).is_file()]:
        pytest.skip(f"no {', '.join(missing)} in {real_clips}")
    prepare(tmp_path, landmarker_model, real_clips, rows)
    snakemake(tmp_path, "--", "features")
    found = index(tmp_path, "features")
    valid = {clip_id for clip_id, row in found.items() if row["valid"] == "true"}
    assert valid == {"with_sound", "without_sound", "talking"}
    assert found["no_face"]["reason"].startswith("no face in any of 9")
    assert found["face_leaves"]["reason"].startswith("no face for 1")
    assert int(found["face_leaves"]["longest_gap"]) > 90
    assert int(found["talking"]["frames"]) == 765
    # One take, filmed once: the two files differ in their sound, not in the face.
    two = [found["with_sound"], found["without_sound"]]
    assert {row["frames"] for row in two} == {"98"}
    assert abs(float(two[0]["mean_abs_yaw"]) - float(two[1]["mean_abs_yaw"])) < 0.5
    assert two[0]["key"] != two[1]["key"]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_clip(
    tmp_path: Path, landmarker_model: Path, real_clips: Path
) -> None:
    video = real_clips / "long" / "talking_200s.mp4"
    if not video.is_file():
        pytest.skip(f"no {video}")
    prepare(tmp_path, landmarker_model, real_clips, [("long/talking_200s.mp4", "long")])
    snakemake(tmp_path, "-n")
    (key,) = (tmp_path / "results/real/keys/tracks").glob("*.tsv")
    program = """
import sys
from pathlib import Path
from facewave.config.check import check_config
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from facewave.tracking.landmarker import LandmarkerOptions
key, work = map(Path, sys.argv[1:])
sha256 = check_config({})["landmarker"]["sha256"]
track_bucket(key, index=work / "index.tsv", store=work / "store", model=work / "model.task",
             options=TrackOptions(LandmarkerOptions(), 25.0, sha256))
# Not ru_maxrss, which begins with the memory of the process that started this one.
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(peak.split()[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(key), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**environment(), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert int(done.stdout) < 400 * 1024
    assert "\t4800\t4800\t4800\t" in (tmp_path / "index.tsv").read_text()
