"""Answers for one's own videos: by the workflow, from Python, and of the test part of a split."""

import csv
import doctest
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import facewave
from facewave.config.check import check_config
from facewave.evaluation.predictions import read_predictions
from facewave.overlay.overlay_bucket import OVERLAY_COLUMNS
from facewave.predict import python
from facewave.storage.buckets import bucket_of
from facewave.storage.tables import iter_rows
from tests.workflow.workflow import CLASSES, computed, copy_project, shards, snakemake, write_config

pytestmark = pytest.mark.workflow

SPLIT = "results/small/mlp/80-10-10"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return {row["video"]: row for row in csv.DictReader(file)}


def probabilities(row):
    return [float(row[f"p_{name}"]) for name in CLASSES]


@pytest.fixture(scope="module")
def predicted(finished, tmp_path_factory):
    """A trained project whose model has answered for a clip of its test part and a broken file."""
    work = copy_project(finished, tmp_path_factory.mktemp("predict") / "project")
    part = pq.read_table(work / "results/small/splits/80-10-10/test.parquet")
    clip_id, clip = (part.column(name)[0].as_py() for name in ("clip_id", "file_path"))
    # In the same bucket: a job less of each stage.
    broken = next(f"b{n}" for n in range(99) if bucket_of(f"b{n}", 2) == bucket_of(clip_id, 2))
    (work / "videos/broken.mp4").write_bytes(b"no video")
    rows = [f"{clip_id},{clip.removeprefix('videos/')}", f"{broken},broken.mp4"]
    (work / "videos/own.csv").write_text("\n".join(["clip_id,file_path", *rows]) + "\n")
    predict = {"name": "mine", "videos": "videos/own.csv", "window": None}
    write_config(work, predict=predict, export_model={"contact": "someone & <b>others</b>"})
    before = shards(work, "tracks"), shards(work, "features")
    run = snakemake(work, "export_model", "predict")
    return work, run, before


def test_the_workflow_answers_as_for_the_test_part(predicted):
    work, run, before = predicted
    # Nothing is tracked or encoded that was before: only the broken file is new.
    for stage, known in zip(("tracks", "features"), before, strict=True):
        now = shards(work, stage)
        assert len(computed(known, now)) <= 1
        assert known.items() <= now.items()
    assert "fit_mlp" not in run.jobs
    rows = rows_of(work / "results/predict/mine/predictions.csv")
    test = read_predictions(work / SPLIT / "predictions.parquet").of_part("test")
    (clip_id,) = (name for name, row in rows.items() if row["answer"])
    wanted = test.probabilities[test.clip_ids.index(clip_id)]
    np.testing.assert_allclose(probabilities(rows[clip_id]), wanted, atol=1e-6)
    broken = next(row for name, row in rows.items() if name != clip_id)
    assert (broken["answer"], broken["trusted"], broken["frames"]) == ("", "no", "0")
    assert "not a video file that can be opened" in broken["why"]
    timeline = rows_of(work / "results/predict/mine/timeline.csv")
    assert timeline.keys() == rows.keys()
    summary = json.loads((work / "results/predict/mine/predict.json").read_text())
    assert summary["counts"]["videos"] == len(rows)
    assert summary["classes"] == list(CLASSES)


def test_each_video_has_a_page_and_an_overlay_or_a_sentence(predicted):
    work, run, _ = predicted
    folder = work / "results/predict/mine"
    rows = rows_of(folder / "predictions.csv")
    names, (broken,) = set(rows), [name for name, row in rows.items() if row["frames"] == "0"]
    assert run.jobs["write_predict_page"] == 1
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)
    for kind in ("overlays/*.mp4", "videos/*.html", "elan/*.eaf"):
        assert {path.stem for path in folder.glob(kind)} == names - {broken}, kind
    overlays = {}
    for index in (folder / "overlays").glob("*.tsv"):
        overlays |= {row["video"]: row for row in iter_rows(index, OVERLAY_COLUMNS)}
    assert overlays.keys() == names
    assert "not a video file that can be opened" in overlays[broken]["reason"]


def test_python_answers_alike(predicted, landmarker_model, tmp_path, monkeypatch, face_clip):
    work, _, _ = predicted
    model = facewave.load_model(work / "results/models/small")
    rows = rows_of(work / "results/predict/mine/predictions.csv")
    row = next(row for row in rows.values() if row["answer"])
    answer = model.predict(
        work / row["path"], landmarker=landmarker_model, store=work / "results/store"
    )
    np.testing.assert_allclose(
        [answer.probabilities[name] for name in CLASSES], probabilities(row), atol=1e-6
    )
    assert (answer.answer, answer.why) == (row["answer"], row["why"])
    assert "|".join(answer.prediction_set) == row["prediction_set"]
    # The examples, without Snakemake.
    name = f"face_landmarker-{check_config({})['landmarker']['sha256'][:12]}.task"
    (tmp_path / "facewave").mkdir()
    shutil.copy2(landmarker_model, tmp_path / "facewave" / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shutil.copy2(face_clip, work / "clip.mp4")
    monkeypatch.chdir(work)
    found = doctest.testmod(python)
    assert (found.attempted, found.failed) == (14, 0)


def test_the_model_card(predicted):
    work, _, _ = predicted
    text = (work / "results/models/small/README.md").read_text()
    body = text.split("---\n", 2)[2]
    cards = pytest.importorskip("huggingface_hub").ModelCard(text).data.to_dict()
    assert cards["license"] == "other"
    assert "model-index" in cards
    assert "Contact: someone & &lt;b>others&lt;/b>" in body
    for heading in ("Data", "Protocol", "Scores", "Subgroups", "Limits", "Intended use and misuse"):
        assert f"\n## {heading}\n" in body
    scores = json.loads((work / "results/small/evaluation/mlp/80-10-10/metrics.json").read_text())
    assert f"| UAR | {100 * scores['overall']['uar']:.1f} |" in body
