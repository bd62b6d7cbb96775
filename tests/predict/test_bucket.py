"""Answers for a bucket of windows: the same as for the test part of a split, and their rows."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.mlp.model import distances, predict
from facewave.predict.bucket import predict_bucket
from facewave.predict.description import ModelError
from facewave.predict.model import model_of, percentiles
from facewave.predict.rows import VideoRow, WindowRow, column_names, write_part
from facewave.predict.windows import PredictionJob
from facewave.splits.baseline import Baseline, BaselineOptions
from tests.mlp.quick_training import FUSED, PLAIN
from tests.predict.made_up_bucket import FEATURES, TRACKS, part, train, write_windows
from tests.predict.test_conformal import held_out
from tests.splits.split_files import CLASSES

MEAN = BaselineOptions(subject_baseline="mean").rule


def loaded(*members, people=40):
    """Return a model that was checked on people with low scores, so that sets are small."""
    found = [
        replace(
            held_out(np.linspace(0, 0.9, people), range(people), new_people=True),
            distances=np.linspace(0, 3, people).astype(np.float32),
        )
        for _ in members
    ]
    return model_of("small", members, found, sha256="cd" * 32, held_out_part="test")


def job_of(model, store, **more):
    given = {"error_rate": 0.1, "features": FEATURES, "tracks": TRACKS, **more}
    return PredictionJob(model=model, store=store, **given)


def ask(job, windows, folder, **more):
    return predict_bucket(windows, job, enrolment=more.get("enrolment", windows), scratch=folder)


@pytest.mark.parametrize("options", [PLAIN, replace(FUSED, max_epochs=3)], ids=["plain", "fused"])
def test_windows_are_answered_as_the_test_part_is(tmp_path, options):
    members = [train(tmp_path / str(seed), seed=seed, options=options) for seed in (1, 2)]
    table, columns = part(tmp_path, "test", 70, seed=9, invalid=2)
    windows, store = write_windows(tmp_path, columns, windows_per_video=10)
    for chosen in (members[:1], members):
        videos, timeline = ask(job_of(loaded(*chosen), store), windows, tmp_path)
        wanted = np.mean([predict(member, table) for member in chosen], axis=0, dtype=np.float64)
        given = np.array([row.probabilities for row in timeline.rows[2:]])
        np.testing.assert_allclose(given, wanted[2:], atol=1e-7)
        assert [row.answer for row in timeline.rows[:3]] == ["", "", CLASSES[wanted[2].argmax()]]
        assert timeline.rows[0].why == "nobody there"
        # A video's answer is the mean over its windows with a face.
        first = videos.rows[0]
        np.testing.assert_allclose(first.probabilities, wanted[2:10].mean(axis=0), atol=1e-7)
        assert (first.video, first.path, first.person) == ("v00", "v0.mp4", "primary")
        assert len(videos.rows) == 7
        far = percentiles(distances(chosen[0], table), loaded(members[0]).held_out[0].distances)
        if len(chosen) == 1:
            assert first.distance == pytest.approx(np.nanmedian(far[:10]))


def test_rows_as_tables(tmp_path):
    model = train(tmp_path / "model")
    _, columns = part(tmp_path, "test", 6, seed=9, invalid=3)
    windows, store = write_windows(tmp_path, columns, windows_per_video=3)
    videos, timeline = ask(job_of(loaded(model), store), windows, tmp_path)
    nobody, somebody = videos.table().to_pylist()
    assert (nobody["answer"], nobody["p_happy"], nobody["trusted"]) == ("", None, "no")
    assert nobody["why"] == "nobody there"
    assert somebody["answer"] in CLASSES
    assert somebody["prediction_set"].split("|")[0] in CLASSES
    assert (somebody["calibrated"], somebody["model"]) == ("no", "small cdcdcdcdcdcd")
    assert timeline.table().column_names == column_names(WindowRow, CLASSES)
    assert timeline.table()["start_seconds"].to_pylist() == [0, 1, 2, 0, 1, 2]
    write_part(tmp_path / "part.parquet", videos)
    assert column_names(VideoRow, CLASSES)[:7] == [
        "video", "path", "person", "answer", "p_neutral", "p_happy", "p_sad"
    ]  # fmt: skip


def test_a_video_mostly_without_a_face_is_not_trusted(tmp_path):
    model = train(tmp_path / "model")
    _, columns = part(tmp_path, "test", 10, seed=9, invalid=6)
    windows, store = write_windows(tmp_path, columns, windows_per_video=10)
    (row,) = ask(job_of(loaded(model), store), windows, tmp_path)[0].rows
    assert row.answer in CLASSES
    assert not row.trusted
    assert "only 4 of 10 windows could be answered" in row.why


@pytest.mark.parametrize("change", ["features", "tracks"])
def test_what_does_not_fit_is_refused_by_name(tmp_path, change):
    model = train(tmp_path / "model")
    _, columns = part(tmp_path, "test", 4, seed=9)
    windows, store = write_windows(tmp_path, columns, windows_per_video=2)
    other, line = {
        "features": (
            {**FEATURES, "wavelet": {"layout": "db2"}},
            'wavelet.layout: found "db2", the model needs "segments"',
        ),
        "tracks": (
            {**TRACKS, "model_sha256": "ff" * 32},
            f'landmarker.sha256: found "{"ff" * 32}", the model needs "{"ab" * 32}"',
        ),
    }[change]
    job = job_of(loaded(model), store, **{change: other})
    with pytest.raises(ModelError) as caught:
        ask(job, windows, tmp_path)
    assert line in str(caught.value)


class TestBaseline:
    def test_each_video_is_its_own_reference(self, tmp_path):
        model = train(tmp_path / "model", rule=MEAN)
        _, columns = part(tmp_path, "test", 9, seed=9, rule=MEAN)
        windows, store = write_windows(tmp_path, columns, windows_per_video=3)
        job = job_of(loaded(model), store)
        videos, timeline = ask(job, windows, tmp_path)
        persons = {window.clip_id: window.video for window in windows}
        by_id = {window.clip_id: window for window in windows}
        usual = Baseline(
            persons, lambda name: job.read(by_id[name]), BaselineOptions(**MEAN), scratch=tmp_path
        )
        relative = [usual(name, job.read(by_id[name])) for name in persons]
        table, _ = part(tmp_path, "relative", 9, seed=9, rule=MEAN)
        groups = {name: np.stack([one[name].ravel() for one in relative]) for name in table.groups}
        wanted = predict(model, replace(table, groups=groups))
        given = np.array([row.probabilities for row in timeline.rows])
        np.testing.assert_allclose(given, wanted, atol=1e-7)
        assert {row.calibrated for row in videos.rows} == {"yes, on 3 windows of the video"}

    def test_too_few_windows(self, tmp_path):
        model = train(tmp_path / "model", rule=MEAN)
        _, columns = part(tmp_path, "test", 3, seed=9)
        windows, store = write_windows(tmp_path, columns, windows_per_video=1)
        rows = ask(job_of(loaded(model), store), windows, tmp_path)[0].rows
        assert {row.answer for row in rows} == {""}
        assert "this video has 1 with a face, 2 are needed" in rows[0].why

    def test_named_clips(self, tmp_path):
        model = train(tmp_path / "model", rule=MEAN)
        _, columns = part(tmp_path, "test", 4, seed=9)
        windows, store = write_windows(tmp_path, columns, windows_per_video=2)
        job = job_of(loaded(model), store, enrolled=["v00"])
        videos, timeline = ask(job, windows, tmp_path)
        assert videos.rows[1].calibrated == "yes, on 2 windows of 1 named clip"
        table, _ = part(tmp_path, "relative", 4, seed=9, rule=MEAN)
        groups = {name: g - g[:2].mean(axis=0) for name, g in table.groups.items()}
        wanted = predict(model, replace(table, groups=groups))
        given = np.array([row.probabilities for row in timeline.rows])
        np.testing.assert_allclose(given, wanted, atol=1e-6)
        with pytest.raises(ModelError, match="found 'v0', expected ids of the videos"):
            ask(replace(job, enrolled=["v0"]), windows, tmp_path)


def test_percentiles():
    others = np.array([3, 1, 2, 4], np.float32)
    found = percentiles(np.array([0.5, 2, 9, np.nan], np.float32), others)
    np.testing.assert_array_equal(found, np.array([0, 50, 100, np.nan], np.float32))
