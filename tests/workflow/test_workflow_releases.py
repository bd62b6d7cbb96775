"""The official layouts through the whole workflow: `features` and `cross_validate`."""

import json
import re
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from tests.datasets import release_trees as trees
from tests.datasets.release_variants import DFEW, FERV, FERV_TESTED, MAFW, OTHERS
from tests.workflow.workflow import shards, snakemake

pytestmark = pytest.mark.workflow

LONG = 3600  # seconds; for many datasets at once
MLP = {"hidden": [8], "max_epochs": 1, "fusion": {"ensemble": 1, "refit": False, "mirror": False}}


def project(work, model, datasets, **sections):
    """Write a configuration of these datasets, all of them enabled."""
    config = {
        "enabled": list(datasets),
        "buckets": 1,
        "datasets": datasets,
        "landmarker": {"model": str(model)},
        "split": {"protocol": "official", "val_fraction": 0.3},
        "mlp": MLP,
        "seeds": [0, 1],
        **sections,
    }
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    return work


def folds_of(work, dataset):
    """Return the clips of each fold's test part, and whether all clips are valid."""
    folds, valid = {}, True
    folder = work / "results" / dataset / "splits" / "official"
    for path in sorted(folder.glob("fold-*/*.parquet")):
        table = pq.read_table(path, columns=["clip_id", "valid"]).to_pydict()
        valid = valid and all(table["valid"])
        if path.stem == "test":
            folds[path.parent.name] = sorted(table["clip_id"])
    return folds, valid


def expected_folds(variant):
    return {
        f"fold-{fold}": sorted(clip for clip, number in variant.folds.items() if number == fold)
        for fold in sorted(set(variant.folds.values()))
    }


def summary(work, dataset, protocol="official"):
    folder = work / "results" / dataset / "evaluation" / "mlp" / protocol
    return json.loads((folder / "cross_validation.json").read_text())


# A default run: votes of DFEW and captions of MAFW, both in one training


@pytest.fixture(scope="module")
def both(tmp_path_factory, landmarker_model):
    """DFEW in parts and MAFW with a title row as one dataset, cross-validated on their votes."""
    work = tmp_path_factory.mktemp("both")
    datasets = {
        "dfew": DFEW["parts"].write(work / "dfew"),
        "mafw": MAFW["title"].write(work / "mafw"),
        "both": {
            "adapter": "joint",
            "datasets": ["dfew", "mafw"],
            "class_map": {"contempt": "disgust", "anxiety": "fear", "helplessness": "sad"},
            "keep_folds": True,
        },
    }
    project(work, landmarker_model, datasets, enabled=["both"], mlp={**MLP, "soft_labels": True})
    return work, snakemake(work, "features", "cross_validate")


def test_dfew_and_mafw_are_cross_validated_together(both):
    work, run = both
    assert (run.jobs["build_splits"], run.jobs["fit_mlp"]) == (5, 5)
    folds, valid = folds_of(work, "both")
    assert valid
    # Disappointment, which class_map does not name and the classes lack, is label 11.
    mafw = {clip: fold for clip, fold in MAFW["title"].folds.items() if int(clip) % 11}
    expected = [f"dfew@{clip}" for clip, fold in DFEW["parts"].folds.items() if fold == "2"]
    expected += [f"mafw@{clip}" for clip, fold in mafw.items() if fold == "2"]
    assert folds["fold-2"] == sorted(expected)
    found = summary(work, "both")
    assert np.sum(found["pooled"]["confusion"]) == sum(map(len, folds.values())) == 18 + 30
    # Files with the same number hold the same bytes: tracked once. 22 and 33 are left out.
    assert len(shards(work, "tracks")) == 31


def test_votes_reach_the_splits(both):
    work, _ = both
    rows = [
        row
        for part in ("train", "val", "test")
        for row in pq.read_table(
            work / "results/both/splits/official/fold-1" / f"{part}.parquet",
            columns=["clip_id", "label_distribution", "text"],
        ).to_pylist()
    ]
    assert all(sum(row["label_distribution"]) == pytest.approx(1, abs=1e-6) for row in rows)
    found = {row["clip_id"]: row for row in rows}
    # Of the general class list: neutral, happy, sad, angry, surprise, disgust, fear.
    assert found["dfew@00001"]["label_distribution"] == pytest.approx([0, 0.8, 0.2, 0, 0, 0, 0])
    # 0.9 for contempt, which is disgust here, and 0.01 for each of ten others, one of them none.
    scores = np.array([0.01, 0.01, 0.02, 0.01, 0.01, 0.91, 0.02]) / 0.99
    assert found["mafw@00008"]["label_distribution"] == pytest.approx(scores, abs=1e-5)
    assert found["mafw@00003"]["text"] == MAFW["title"].text == "一个人 3"


def test_soft_labels_only_train_again(both, tmp_path):
    work = shutil.copytree(both[0], tmp_path / "copy", copy_function=shutil.copy2)
    config = yaml.safe_load((work / "config.yaml").read_text())
    config["mlp"]["soft_labels"] = False
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    planned = snakemake(work, "-n", "cross_validate").jobs
    planned.pop("cross_validate")
    assert planned == {"fit_mlp": 5, "evaluate": 1, "summarise_folds": 1}


def test_clips_without_people_are_ablated_on_the_official_folds(both, tmp_path):
    work = shutil.copytree(both[0], tmp_path / "copy", copy_function=shutil.copy2)
    config = yaml.safe_load((work / "config.yaml").read_text())
    variants = {"default": {}, "coarse": {"wavelet": {"coefficients": 4}}}
    config["ablation"] = {**config.get("ablation", {}), "variants": variants}
    (work / "config.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(work, "ablate")
    # The default has the features of the configuration: those and its splits are there. Few clips:
    # one job encodes all buckets, divides all folds, or trains on all of them.
    own = {"encode_variant": 1, "split_variant": 1}
    assert run.jobs == {**own, "fit_variant": 2, "compare_variants": 1}
    found = json.loads((work / "results/both/ablation/ablation.json").read_text())["rows"]
    assert {row["variant"] for row in found} == set(variants)
    for row in found:
        assert (row["clips"], row["seeds"]) == (48, 2)
        assert (row["unit"], row["units"]) == ("clips", 48)
    planned = snakemake(work, "-n", "tune").jobs
    # The splits of a variant are gone once it is trained; made again, they are newer than it.
    again = {"split_variant": 1, "fit_variant": 1}
    assert planned == {**again, "fit_inner": 10, "choose_variants": 1}


# Copies that are not whole


def without(*names):
    """Return what removes files and folders from a tree."""

    def spoil(root):
        for name in names:
            path = root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return spoil


LISTS = "EmoLabel_DataSplit/{}(single-labeled)/set_{}.csv"
SPOILT = {
    "a list of a fold": (
        "dfew",
        trees.dfew,
        without(LISTS.format("test", 4), LISTS.format("train", 2)),
        [f"{LISTS.format('test', 4)}: missing", f"{LISTS.format('train', 2)}: missing"],
    ),
    "labels": (
        "mafw",
        trees.mafw,
        without("Labels", "Train & Test Set"),
        [
            "Labels/single-set.xlsx: missing",
            "Train & Test Set/single/no_caption/set_1/test.txt: missing",
        ],
    ),
    "a part": (
        "ferv39k",
        trees.ferv39k,
        without("4_setups/All_scenes/test_All.csv"),
        ["4_setups/All_scenes/test_All.csv: missing"],
    ),
}
MORE_SPOILT = {
    "DFEW's clips": ("dfew", trees.dfew, without("Clip"), ["Clip/original/1.mp4", "no clip found"]),
    "a clip": (
        "dfew",
        trees.dfew,
        without("Clip/original/3.mp4", "Clip/original/20.mp4"),
        ["2 problems", "Clip/original/3.mp4", "Clip/original/20.mp4"],
    ),
    "DFEW's labels": (
        "dfew",
        trees.dfew,
        without("Annotation", "EmoLabel_DataSplit"),
        ["Annotation/annotation.xlsx: missing", f"{LISTS.format('test', 1)}: missing"],
    ),
    "another dataset": ("dfew", trees.mafw, without(), ["Annotation/annotation.xlsx: missing"]),
    "MAFW's clips": ("mafw", trees.mafw, without("clips"), ["clips/00001.mp4", "no clip found"]),
    "MAFW's list": (
        "mafw",
        trees.mafw,
        without("Train & Test Set/single/no_caption/set_5/train.txt"),
        ["Train & Test Set/single/no_caption/set_5/train.txt: missing"],
    ),
    "crops": (
        "ferv39k",
        trees.ferv39k,
        without("2_ClipsforFaceCrop"),
        ["2_ClipsforFaceCrop/<Scene>/<Emotion>/<0001>/*.jpg: no clip found"],
    ),
    "actors": ("ravdess", trees.crema_d, without(), ["clips named like 01-01-03-02-01-01-12.mp4"]),
    "no folder": ("crema_d", lambda root: None, without(), ["no such folder"]),
}


def refuse(work, case):
    adapter, make, spoil, words = case
    make(work / "release")
    spoil(work / "release")
    project(work, "model.task", {"release": {"adapter": adapter, "root": "release"}})
    run = snakemake(work, "features", check=False)
    assert run.code != 0
    assert "Traceback" not in run.output
    assert "dataset release, " in run.output
    for word in words:
        assert word in run.output
    # An error ends with what to do.
    assert re.search(r"(Copy|Point|Correct) ", run.output)


@pytest.mark.parametrize("name", SPOILT)
def test_a_copy_that_is_not_whole_is_refused(tmp_path, name):
    refuse(tmp_path, SPOILT[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE_SPOILT)
def test_more_copies_that_are_not_whole(tmp_path, name):
    refuse(tmp_path, MORE_SPOILT[name])


# Every layout


@pytest.mark.slow
@pytest.mark.parametrize("variants", [DFEW, MAFW, OTHERS], ids=["dfew", "mafw", "others"])
def test_every_layout_is_cross_validated(tmp_path, landmarker_model, variants):
    datasets = {name: variant.write(tmp_path / name) for name, variant in variants.items()}
    project(tmp_path, landmarker_model, datasets)
    snakemake(tmp_path, "features", timeout=LONG)
    run = snakemake(tmp_path, "cross_validate", timeout=LONG)
    assert "track_faces" not in run.jobs
    for name, variant in variants.items():
        folds, valid = folds_of(tmp_path, name)
        assert valid
        assert folds == expected_folds(variant)
        assert np.sum(summary(tmp_path, name)["pooled"]["confusion"]) == len(variant.folds)
        manifest = pq.read_table(tmp_path / "results" / name / "manifest.parquet").to_pylist()
        texts = {row["clip_id"]: row["text"] for row in manifest}
        assert texts.get("00003") == variant.text
    assert snakemake(tmp_path, "cross_validate").jobs.keys() <= {"cross_validate"}


@pytest.mark.slow
def test_every_layout_of_ferv39k_is_trained_and_cross_validated(tmp_path, landmarker_model):
    datasets = {name: variant.write(tmp_path / name) for name, variant in FERV.items()}
    project(tmp_path, landmarker_model, datasets)
    snakemake(tmp_path, "train_mlp", timeout=LONG)
    for name in FERV:
        path = tmp_path / "results" / name / "splits" / "official" / "test.parquet"
        assert set(pq.read_table(path)["clip_id"].to_pylist()) == FERV_TESTED
    refused = snakemake(tmp_path, "cross_validate", check=False)
    assert "'official' has no folds for faces, scenes" in refused.output
    split = {"protocol": "grouped_k_fold", "folds": 2, "val_fraction": 0.3}
    project(tmp_path, landmarker_model, datasets, split=split)
    run = snakemake(tmp_path, "cross_validate", timeout=LONG)
    assert (run.jobs["fit_mlp"], "encode_features" in run.jobs) == (4, False)
    for name in FERV:
        assert np.sum(summary(tmp_path, name, "grouped_k_fold")["pooled"]["confusion"]) == 28
