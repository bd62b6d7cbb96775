"""The card and the Croissant metadata of a dataset's splits."""

import hashlib
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from facewave.splits import card, write
from facewave.splits.card import croissant, read_part, write_card
from facewave.splits.partition import PARTS
from facewave.splits.read import read_split
from tests.splits.split_files import CLASSES, SHAPES, toy, write_split

SIZES = {"train": 7, "val": 3, "test": 5}


def described(folder, *, classes=CLASSES, folds=("fold-1", "fold-2"), adapter="table"):
    """Write two folds of made-up clips and their card; return what was read of them."""
    found = []
    for number, fold in enumerate(folds):
        for part, size in SIZES.items():
            path = folder / "by_hand" / fold / f"{part}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_split(path, toy(size, seed=number, invalid=1), classes=classes)
            found.append(read_part(folder, path, fold=fold, part=part))
    write_card(folder, found, dataset="mine", adapter=adapter)
    return found


def parsed(folder):
    _, head, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), text


def test_every_column_of_a_split_is_explained():
    fields = [*write._CLIP_FIELDS, *write._QUALITY_FIELDS]
    assert [field.name for field in fields] == list(card._MEANINGS)
    scalars = [field for field in fields if field.name != "label_distribution"]
    assert {str(field.type) for field in scalars} == set(card._TYPES)


def test_the_card_says_what_the_files_hold(tmp_path):
    described(tmp_path)
    head, text = parsed(tmp_path)
    assert head["license"] == "other"
    assert head["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in head["configs"]] == ["fold-1", "fold-2"]
    splits = {file["split"]: tmp_path / file["path"] for file in head["configs"][1]["data_files"]}
    assert list(splits) == ["train", "validation", "test"]
    assert all(path.is_file() for path in splits.values())
    # Seven clips of three classes in turn, of which the first has no face.
    assert "| fold-2 | train | 7 | 6 | 3 | 2 | 2 |" in text
    assert "| `landmarks` | list of float | 2 x 3 x 2 | features |" in text
    assert "can identify people" in text
    assert str(tmp_path) not in text


def test_known_licences(tmp_path):
    described(tmp_path, adapter="crema_d")
    head, text = parsed(tmp_path)
    assert head["license"] == "odbl"
    assert "opendatacommons.org" in text
    assert "odbl" in json.loads((tmp_path / "croissant.json").read_text())["license"]


def test_croissant_names_files_and_columns_that_are_there(tmp_path):
    parts = described(tmp_path)
    found = json.loads((tmp_path / "croissant.json").read_text())
    assert found == croissant(parts, dataset="mine", adapter="table")
    files = {file["@id"]: file for file in found["distribution"]}
    for name, file in files.items():
        content = (tmp_path / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(content).hexdigest(), name
        assert file["contentSize"] == f"{len(content)} B"
    assert len(found["recordSet"]) == 2 * len(PARTS)
    ids = []
    for records in found["recordSet"]:
        for field in records["field"]:
            source = field["source"]
            schema = pq.read_schema(tmp_path / files[source["fileObject"]["@id"]]["contentUrl"])
            assert source["extract"]["column"] in schema.names
            assert field.get("repeated", False) == (field["name"] in SHAPES)
            ids.append(field["@id"])
    assert len(set(ids)) == len(ids)


def test_names_from_data_are_no_markdown(tmp_path):
    described(tmp_path, classes=("a|b", "<script>", "`c`\n# d"))
    _, text = parsed(tmp_path)
    assert "<script>" not in text
    assert "| a\\|b | &lt;script&gt; | \\`c\\` \\# d |" in text
    assert "\n# d" not in text


def test_equal_splits_have_equal_cards(tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        described(folder)
    for name in ("README.md", "croissant.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_datasets_reads_the_splits(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    parts = described(tmp_path / "splits")
    wanted = read_split(tmp_path / "splits" / parts[3].path, groups=["landmarks"])
    files = {part.part: str(tmp_path / "splits" / part.path) for part in parts[3:]}
    cache = str(tmp_path / "cache")
    alone = datasets.load_dataset("parquet", data_files=files, cache_dir=cache)["train"]
    whole = datasets.load_dataset(str(tmp_path / "splits"), "fold-2", cache_dir=cache)["train"]
    for found in (alone, whole):
        assert found["clip_id"][:] == wanted.clip_ids
        np.testing.assert_array_equal(np.array(found["label"][:]), wanted.labels)
        for name, values in wanted.groups.items():
            np.testing.assert_array_equal(np.float32(found[name][:]), values)


@pytest.mark.slow
def test_mlcroissant_accepts_the_metadata_and_reads_the_rows(tmp_path):
    mlcroissant = pytest.importorskip("mlcroissant")
    parts = described(tmp_path)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert dataset.metadata.issues.errors == set()
    rows = list(dataset.records("fold-2/train"))
    wanted = read_split(tmp_path / parts[3].path, groups=[])
    assert [row["fold-2/train/clip_id"].decode() for row in rows] == wanted.clip_ids
    assert [row["fold-2/train/label"] for row in rows] == wanted.labels.tolist()
