"""A fault at every step from video to split: nothing half-written, and the next run is right.

The steps are counted in a run without faults. Then there is one run per step, with one of the kinds
of fault in turn; in the slow tests one per step and kind, and one per step with a real SIGKILL.
"""

import os
from collections import Counter
from contextlib import suppress

import numpy as np
import pytest

from facewave.features.encode_bucket import encode_bucket
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.manifest.clips import Clip
from facewave.splits.write import read_feature_indexes, write_splits
from facewave.storage.atomic import write_text
from facewave.storage.buckets import KeyRow, key_file_text
from facewave.storage.frame_files import clip_sha256
from facewave.storage.store import file_sha256
from facewave.tracking.landmarker import LandmarkerOptions
from facewave.tracking.track_bucket import TrackOptions, track_bucket
from tests.storage.faulty_files import FaultyFiles, Killed
from tests.tracking.track_shards import write_track_shard

WAVELET = WaveletOptions(layout="segments", coefficients=4, energy=False)
FACE = FaceOptions()
FRAMES = 12


class Pipeline:
    """From made-up videos through the store to the three parts of a split, in this process."""

    def __init__(self, folder, clips):
        self.videos, self.out = folder / "videos", folder / "out"
        self.videos.mkdir()
        self.clips = [f"c{i}" for i in range(clips)]
        for clip in self.clips:
            (self.videos / f"{clip}.mp4").write_bytes(clip.encode() * 50)
        self.model = self.videos / "model.task"
        self.model.write_bytes(b"a model")
        self.options = TrackOptions(LandmarkerOptions(), 25.0, file_sha256(self.model))
        self.key_file = self.videos / "keys.tsv"
        rows = [KeyRow(clip, str(self.videos / f"{clip}.mp4"), "f") for clip in self.clips]
        write_text(self.key_file, key_file_text(rows, options={}))

    def track(self, job):
        seed = int(job.video_path.stem[1:])
        values = np.random.default_rng(seed).normal(size=(FRAMES, 478, 3)).astype(np.float32)
        detected = [True] * FRAMES if seed else [False] * FRAMES
        # The first clip shows no face: it is in every table, and not valid.
        arrays = {"landmarks": values, "transform": np.tile(np.eye(4, dtype="f4"), (FRAMES, 1, 1))}
        write_track_shard(job.shard, detected, arrays=arrays, **job.provenance)

    def run(self):
        tracks, features = self.out / "tracks/0000.tsv", self.out / "features/0000.tsv"
        store = self.out / "store"
        track_bucket(
            self.key_file,
            index=tracks,
            store=store,
            model=self.model,
            options=self.options,
            track=self.track,
            digest=clip_sha256,
        )
        encode_bucket(
            tracks,
            index=features,
            store=store,
            wavelet=WAVELET,
            quality=QualityOptions(),
            face=FACE,
        )
        parts = ("train", "val", "test")
        write_splits(
            [
                Clip(clip, f"{clip}.mp4", number, number % 2, "ab"[number % 2])
                for number, clip in enumerate(self.clips)
            ],
            read_feature_indexes([features]),
            {clip: parts[number % 3] for number, clip in enumerate(self.clips)},
            outputs={part: self.out / f"splits/{part}.parquet" for part in parts},
            store=store,
            shapes=feature_shapes(WAVELET, FACE),
            metadata={"classes": ["a", "b"]},
        )

    def files(self):
        """Return the files that have their names; those of killed writers have not."""
        return {
            path.relative_to(self.out): path.read_bytes()
            for path in self.out.rglob("[!.]*")
            if path.is_file()
        }

    def clear(self):
        for path in sorted(self.out.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def attempt(pipeline):
    # Whatever a job ends with, Snakemake removes its outputs and the next run calls it again.
    with suppress(Killed, Exception):
        pipeline.run()


@pytest.fixture
def pipeline(tmp_path, request):
    return Pipeline(tmp_path, request.param)


def survive(pipeline, faults, cases, attempt):
    """Return how many cases of each kind of step and fault were survived."""
    expected = pipeline.files()
    survived = Counter()
    for number, way in cases:
        faults.arm(None, "")
        pipeline.clear()
        faults.arm(number, way)
        attempt(pipeline)
        kind = faults.steps[number] if len(faults.steps) > number else "kill"
        faults.arm(None, "")
        found = pipeline.files()
        case = f"step {number} ({kind}): {way}"
        assert found.items() <= expected.items(), f"{case}: a file is there that is not whole"
        if way in ("error", "space"):
            left = [path for path in pipeline.out.rglob(".*") if kind != "unlink"]
            assert not left, f"{case}: left over {left}"
        pipeline.run()
        assert pipeline.files() == expected, f"{case}: the next run differs"
        survived[kind, way] += 1
    return survived


def recorded(pipeline, monkeypatch, **options):
    """Return the faults after a run without any, and the ways in which each step can fail."""
    faults = FaultyFiles(pipeline.out, monkeypatch, **options)
    pipeline.out.mkdir()
    pipeline.run()
    cases = faults.cases()
    print(f"# {len(faults.steps)} steps {dict(Counter(faults.steps))}, {len(cases)} cases")
    return faults, cases


@pytest.mark.parametrize("pipeline", [2], indirect=True)
def test_each_step_fails_once(pipeline, monkeypatch):
    faults, cases = recorded(pipeline, monkeypatch)
    ways = {number: [way for at, way in cases if at == number] for number, _ in cases}
    chosen = [(number, all_[number % len(all_)]) for number, all_ in ways.items()]
    survived = survive(pipeline, faults, chosen, attempt)
    assert survived.total() == len(chosen) > 150
    assert {kind for kind, _ in survived} == {"read", "write", "open", "rename", "fsync", "unlink"}


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [3], indirect=True)
def test_each_step_fails_in_each_way(pipeline, monkeypatch):
    faults, cases = recorded(pipeline, monkeypatch)
    survived = survive(pipeline, faults, cases, attempt)
    assert survived.total() == len(cases) > 800


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", [4], indirect=True)
def test_a_process_is_killed_at_each_step(pipeline, monkeypatch):
    faults, cases = recorded(pipeline, monkeypatch, really_kill=True)

    def attempt_in_a_child(pipeline):
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                pipeline.run()
            os._exit(0)  # not reached: every recorded step kills
        assert os.WIFSIGNALED(os.waitpid(child, 0)[1])

    kills = [(number, way) for number, way in cases if way.startswith("kill")]
    survived = survive(pipeline, faults, kills, attempt_in_a_child)
    assert survived.total() == len(kills) > 300
