"""What texts add to the face, from splits to the table, and what they give away by themselves."""

import csv
import json
import runpy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.evaluation.predictions import read_predictions
from facewave.manifest.clips import Clip, write_manifest
from tests.splits.split_files import CLASSES, toy, write_split
from tests.vlm.tiny_bert import save_tiny_bert
from tests.workflow.workflow import CLASSES as SMALL
from tests.workflow.workflow import ROOT, labels, snakemake, write_config

WORDS = ("quiet room", "bright laugh", "slow voice")
TEXT = {"kind": "tfidf", "size": 8, "model": "unused", "revision": None}
MLP = {"inputs": ["blendshapes"], "hidden": [8], "max_epochs": 30, "learning_rate": 0.01}


def script(name):
    return runpy.run_path(str(ROOT / "scripts" / f"{name}.py"))["main"]


def write_parts(folder, texts_of):
    """Write three parts whose faces say nothing; return their files and the clips of the test."""
    files, clips = {}, []
    for seed, (name, n) in enumerate({"train": 60, "val": 30, "test": 36}.items()):
        columns = toy(n, seed=seed, signal=0.0)
        path = write_split(folder / f"{name}.parquet", columns)
        table = pq.read_table(path)
        texts = [texts_of(label, index) for index, label in enumerate(columns["label"])]
        pq.write_table(table.append_column("text", pa.array(texts, pa.string())), path)
        files[name] = str(path)
        clips += [
            Clip(clip_id, "x.mp4", len(clips) + i, int(label), CLASSES[label], text=text)
            for i, (clip_id, label, text) in enumerate(
                zip(columns["clip_id"], columns["label"], texts, strict=True)
            )
        ]
    write_manifest(clips, folder / "manifest.parquet", folder / "m.csv", metadata={})
    return files


def measure(folder, files):
    from facewave.evaluation.predictions import join_parts, write_predictions
    from facewave.mlp.options import MlpOptions
    from facewave.mlp.train import TrainingJob, fit_predict
    from facewave.splits.read import read_split

    paths = {name: folder / f"{name}.predictions.parquet" for name in ("face", "text", "face_text")}
    parts = {name: read_split(path, groups=("blendshapes",)) for name, path in files.items()}
    job = TrainingJob(options=MlpOptions.from_config(MLP), seed=1)
    answers = {"test": fit_predict(parts, job)[1]["test"]}
    face = join_parts({"test": parts["test"]}, answers, metadata={})
    write_predictions(paths["face"], face)
    for name in ("text", "face_text"):
        script("fit_text_variant")(
            splits=files, predictions=[str(paths[name])], options=MLP, text=TEXT,
            face=name == "face_text", seeds=[1], threads=1,
        )  # fmt: skip
    script("compare_text")(
        manifest=str(folder / "manifest.parquet"),
        predictions={name: [[str(path)]] for name, path in paths.items()},
        table=str(folder / "t.csv"), scores=str(folder / "t.json"),
        classes=CLASSES, text=TEXT, seed=1,
    )  # fmt: skip
    with (folder / "t.csv").open(newline="") as file:
        table = {row["variant"]: row for row in csv.DictReader(file)}
    scores = json.loads((folder / "t.json").read_text())
    assert {row["variant"] for row in scores["rows"]} == set(table) == set(paths)
    return {row["variant"]: row for row in scores["rows"]}, scores["probe"]


def test_texts_that_give_the_label_away_are_told_as_such(tmp_path):
    files = write_parts(tmp_path, lambda label, index: WORDS[label] if index % 5 else None)
    rows, probe = measure(tmp_path, files)
    assert rows["face"]["difference"] == 0
    for name in ("text", "face_text"):
        assert rows[name]["difference"] > 0.2
        assert rows[name]["p"] < 0.01
    assert probe["gives_away"] is True
    assert probe["uar"] > 0.95
    assert "laugh" in " ".join(probe["words"]["happy"])


def test_texts_that_say_nothing_add_nothing(tmp_path):
    random = np.random.default_rng(3)
    files = write_parts(tmp_path, lambda label, index: WORDS[random.integers(3)])
    rows, probe = measure(tmp_path, files)
    assert rows["face_text"]["p"] > 0.05
    assert rows["text"]["low"] < 1 / 3 + 0.1
    assert probe["gives_away"] is False


@pytest.mark.workflow
def test_jobs_of_the_target(project):
    run = snakemake(project, "-n", "--", "text_fusion")
    assert run.jobs == {"fit_text_variant": 2, "compare_text": 1, "text_fusion": 1}


@pytest.mark.slow
@pytest.mark.workflow
def test_embeddings_through_the_workflow(project, tmp_path):
    """Of a checkpoint in a folder, of texts that a table joins: they reach the MLP."""
    folder = save_tiny_bert(tmp_path / "tiny-bert")
    rows = [f"{Path(path).stem},the man turns {word}" for (path, *_), word in zip(
        labels(project), ["by the door", "the cat", "a dog", "sits", "barks", "by a man"],
        strict=True,
    )]  # fmt: skip
    (project / "captions.csv").write_text("\n".join(["clip_id,text", *rows]) + "\n")
    table = {"adapter": "table", "root": "videos", "table": "labels.csv"}
    small = {**table, "classes": list(SMALL), "texts": {"from": "captions.csv"}}
    text = {"kind": "embedding", "model": str(folder)}
    write_config(project, datasets={"small": small}, text_fusion=text)
    run = snakemake(project, "--", "text_fusion")
    expected = {"build_manifest": 1, "build_splits": 1, "fit_mlp": 1, "fit_text_variant": 2}
    assert run.jobs == {**expected, "compare_text": 1, "text_fusion": 1}
    results = project / "results/small"
    scores = json.loads((results / "evaluation/text_fusion/80-10-10/text_fusion.json").read_text())
    assert scores["text"]["kind"] == "embedding"
    assert {row["variant"] for row in scores["rows"]} == {"face", "text", "face_text"}
    answers = {
        name: read_predictions(results / place / "80-10-10/predictions.parquet").of_part("test")
        for name, place in {
            "face": "mlp", "text": "text_fusion/text", "both": "text_fusion/face_text",
        }.items()
    }  # fmt: skip
    assert answers["text"].metadata["model"] == str(folder)
    assert len(answers["text"].metadata["weights"]["sha256"]) == 64
    for name in ("face", "both"):
        assert answers[name].clip_ids == answers["text"].clip_ids
        assert np.abs(answers[name].probabilities - answers["text"].probabilities).max() > 1e-4
    assert snakemake(project, "-n", "--", "text_fusion").jobs == {}
