"""Many short videos through `snakemake predict`: killed half-way, resumed, memory watched.

    python benchmarks/scale/scale_predict.py --model results/models/mine --video talk.mp4 \
        --landmarker face_landmarker.task --work /scratch/predict --videos 200

The videos are cut from the given one, each from another place. The run is killed (SIGKILL, all its
processes) when half of them are tracked, unlocked and started again: what was tracked before must
not be tracked again.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import yaml

from benchmarks.scale.process_watch import watch

ROOT = Path(__file__).resolve().parents[2]
_HEIGHT = 240


def cut(video: Path, folder: Path, *, count: int, frames: int) -> None:
    """Write short videos of some frames each, one after the other from the beginning."""
    folder.mkdir(parents=True)
    with av.open(str(video)) as source:
        size = source.streams.video[0]
        width = 2 * round(size.width * _HEIGHT / size.height / 2)
        pictures = source.decode(video=0)
        for number in range(count):
            with av.open(str(folder / f"cut{number:04}.mp4"), "w") as target:
                stream = target.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
                stream.width, stream.height, stream.pix_fmt = width, _HEIGHT, "yuv420p"
                for place in range(frames):
                    small = next(pictures).reformat(width, _HEIGHT, "yuv420p")
                    small.pts, small.time_base = place, Fraction(1, 25)
                    target.mux(stream.encode(small))
                target.mux(stream.encode())


def shards(work: Path) -> dict[str, int]:
    """Return the tracked shards and when they were written."""
    found = (work / "results/store/tracks").rglob("[0-9a-f]*.npz")
    return {path.stem: path.stat().st_mtime_ns for path in found}


def kill_half_way(command: list[str], work: Path, count: int) -> dict[str, int]:
    """Start a run, kill it when half of the videos are tracked, and return their shards."""
    with (work / "killed.log").open("w") as log:
        run = subprocess.Popen(
            command, cwd=work, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        while run.poll() is None and len(shards(work)) < count // 2:
            time.sleep(0.5)
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    time.sleep(5)  # jobs' children notice that nobody reads them
    return shards(work)


def main() -> None:
    """Run it and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "video", "landmarker", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--frames", type=int, default=15)
    parser.add_argument("--cores", type=int, default=2)
    given = parser.parse_args()
    work = given.work.resolve()
    cut(given.video, work / "videos", count=given.videos, frames=given.frames)
    config = {
        "landmarker": {"model": str(given.landmarker.resolve())},
        "predict": {"videos": "videos", "model": str(given.model.resolve())},
    }
    (work / "mine.yaml").write_text(yaml.safe_dump(config))
    command = [str(Path(sys.executable).with_name("snakemake")), "-s", str(ROOT / "Snakefile")]
    command += ["--configfile", "mine.yaml", "--cores", str(given.cores), "--nocolor"]
    before = kill_half_way([*command, "--", "predict"], work, given.videos)
    subprocess.run([*command, "--unlock"], cwd=work, check=True, capture_output=True)
    seen = watch([*command, "--", "predict"], output=work / "resumed.log", cwd=work, environment={})
    after = shards(work)
    again = sum(after.get(key) != stamp for key, stamp in before.items())
    with (work / "results/predict/mine/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    print(f"killed after {len(before)} of {given.videos} videos; {again} of them tracked again")
    print(f"{len(rows)} rows, {sum(bool(row['answer']) for row in rows)} with an answer")
    print(f"resumed: {seen.wall_s:.0f} s, {seen.cpu_s:.0f} s of processor time, code {seen.code}")
    print(f"main process: {seen.main_peak_mb:.0f} MB at most")
    for name, stage in sorted(seen.stages.items()):
        print(f"{name}: {len(stage.pids)} jobs, {stage.peak_mb:.0f} MB at most")


if __name__ == "__main__":
    main()
