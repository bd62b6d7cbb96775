"""The report's numbers, lists and tables are those of the files that it is made of."""

import csv
import json
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from facewave.report.clips import QUALITY_COLUMNS
from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.storage.tables import format_rows, write_text
from tests.report.report_files import HOSTILE, build
from tests.report.report_page import Page, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def artefacts(report_artefacts):
    return report_artefacts


@pytest.fixture
def page(written_report):
    return written_report[1]


@pytest.fixture(scope="module")
def variant(artefacts, tmp_path_factory):
    """Another page: the demo's, two pictures, no commit known, and a subject in two parts."""
    mixed = {
        fold: {"train": parts["train"], "val": parts["train"], "test": parts["test"]}
        for fold, parts in artefacts["splits"].items()
    }
    changes = {"adapter": "demo", "review_thumbnails": 2, "commit": None, "splits": mixed}
    return write(artefacts, tmp_path_factory.mktemp("variant"), **changes)[1]


FOLDS = ("fold-a", "fold-b", "fold-<c>")


@pytest.fixture(scope="module")
def folds(tmp_path_factory):
    """Artefacts and page of three folds, coded as pyramids, without pictures to review."""
    folder = tmp_path_factory.mktemp("folds")
    made = build(folder / "artefacts", folds=FOLDS, layout="pyramid")
    return made, write(made, folder, review_thumbnails=0)[1]


@pytest.mark.parametrize(
    ("clip_id", "reason"),
    [
        ("noface", "no face in any of 24 frames"),
        ("half", "face in 12 of 24 frames"),
        ("garbage", f"no video stream can be decoded {HOSTILE}"),
        ("gone", "the file is missing or cannot be read"),
        ("lost", "no face in any of 24 frames"),
    ],
)
def test_invalid_clip_is_listed_with_its_reason_and_file(page, clip_id, reason):
    [text] = [card.text for card in page.cards if card.clip == clip_id]
    assert reason in text
    assert f"{clip_id} <script" in text


def test_reasons_are_counted_by_kind(page):
    assert page.row("no face in any of … frames") == [["2", "16.7"]]
    assert page.row("valid") == [["7", "58.3"]]


def test_file_that_cannot_be_decoded_has_words_in_place_of_the_picture(page):
    cards = {card.clip: card for card in page.cards if not card.images}
    assert cards.keys() == {"garbage", "gone"}
    assert "No picture: no video stream can be decoded." in cards["garbage"].text
    assert "No picture: the file is missing." in cards["gone"].text


def test_clip_with_a_note_is_worth_a_look(page):
    [card] = [card for card in page.cards if card.clip == "noted"]
    assert "variable frame rate" in card.text
    assert page.row("note: variable frame rate") == [["1", "8.3"]]


@pytest.mark.parametrize(("which", "limit"), [("variant", 2), ("folds", 0)])
def test_pictures_are_limited_and_the_other_clips_listed(request, which, limit):
    page = request.getfixturevalue(which)
    page = page if isinstance(page, Page) else page[1]
    examples = 6
    assert len(page.cards) == limit + examples
    listed = {row[0] for row in page.rows if row[-1].endswith(".mp4")}
    shown = {card.clip for card in page.cards[:limit]}
    assert listed | shown == {"noface", "half", "garbage", "gone", "lost", "noted"}
    assert not listed & shown


def test_numbers_are_those_of_the_metrics(artefacts, page):
    scores = json.loads(artefacts["metrics_json"].read_text(encoding="utf-8"))
    for name, part in (
        ("MLP, all clips", "overall"),
        ("MLP, valid clips only", "valid_only"),
        ("majority class, all clips", "majority_class"),
    ):
        row = [f"{100 * scores[part][key]:.1f}" for key in ("uar", "war", "macro_f1")]
        assert page.row(name) == [[str(scores[part]["n"]), *row]]
    for entry in scores["overall"]["per_class"]:
        cells = [entry[key] for key in ("precision", "recall", "f1")]
        text = ["–" if cell is None else f"{100 * cell:.1f}" for cell in cells]
        assert [*text, str(entry["support"])] in page.row(entry["name"])
    assert f"{100 * scores['overall']['uar']:.1f}" in page.text.partition("Dataset")[0]


def test_dataset_table_counts_parts_and_subjects(page):
    assert page.row("calm")[0] == ["7", "4", "4", "1", "2"]
    assert page.row("all")[0] == ["12", "7", "7", "2", "3"]
    assert page.row("subjects") == [["4", "", "2", "1", "1"]]


def test_shared_subjects_are_told(page, variant):
    assert "No subject is in two parts of a split" in page.words()
    assert "2 subjects are in more than one part" in variant.words()


def test_the_epoch_kept_is_the_best_and_of_equals_the_one_with_less_loss(page):
    assert page.row("80-10-10") == [["4", "3", "0.500", "75.0", "75.0"]]


def test_several_folds_have_a_table_with_mean_and_deviation(folds):
    artefacts, page = folds
    scores = json.loads(artefacts["metrics_json"].read_text(encoding="utf-8"))
    for row in scores["folds"]:
        [_, cells] = page.row(row["name"])[:2]
        assert cells[:3] == ["7", "2", str(row["n"])]
        assert cells[3:6] == [f"{100 * row[key]:.1f}" for key in ("uar", "war", "macro_f1")]
    mean, deviation = scores["fold_mean"]["uar"], scores["fold_std"]["uar"]
    [total] = page.row("mean ± standard deviation")
    assert total[3] == f"{100 * mean:.1f} ± {100 * deviation:.1f}"
    assert [len(page.row(fold)) for fold in FOLDS] == [5, 5, 5]


def test_demo_says_that_it_is_synthetic(page, variant):
    assert "no number on it is a result" in variant.words()
    assert "Synthetic" not in page.text


def test_quality_table_has_every_clip_and_column(written_report):
    with written_report[2].open(encoding="utf-8", newline="") as file:
        rows = {row["clip_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 12
    assert tuple(rows["half"]) == QUALITY_COLUMNS
    half = rows["half"]
    assert (half["valid"], half["detected"], half["longest_gap"]) == ("false", "12", "10")
    assert float(half["detection_ratio"]) == 0.5
    assert (rows["gone"]["jitter"], rows["gone"]["frames"]) == ("", "0")
    assert rows["garbage"]["subject"] == HOSTILE
    assert (rows["good0"]["valid"], rows["good0"]["reason"]) == ("true", "")


def test_provenance_names_versions_model_data_and_configuration(page, artefacts):
    assert page.row("seed") == [["7"]]
    assert page.row("commit of the workflow") == [["abc1234"]]
    assert page.row("NumPy") == [[np.__version__]]
    assert page.row("face landmarker, SHA-256") == [["c0ffee" * 10]]
    assert len(page.row("data of train, SHA-256")[0][0]) == 64
    assert "min_detection_ratio: 0.9" in page.text


def test_commit_may_be_unknown(variant):
    assert variant.row("commit of the workflow") == []


def test_clip_without_an_index_row_is_refused(artefacts, tmp_path):
    index = artefacts["feature_indexes"][0]
    shorter = tmp_path / "features.tsv"
    lines = index.read_text(encoding="utf-8").splitlines(keepends=True)
    shorter.write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"1 clips .* in no index.*run it again"):
        write(artefacts, tmp_path, feature_indexes=[shorter])


def test_layout_is_explained(page, folds):
    assert "the means over 8 equal spans" in page.words()
    assert "approximation and details from coarse to fine" in folds[1].words()


def of_protocol(artefacts, protocol):
    return {"config": {**artefacts["config"], "split": {"protocol": protocol}}}


def test_clips_that_look_alike_are_listed_and_protocols_explained(artefacts, tmp_path, page):
    assert "look like those of other datasets" not in page.words()
    rows = [
        pair("tiny", "good0", "other", "x1", distance="2.5", fold_b="3"),
        pair("other", "x2", "tiny", "good1", distance="0.5", split_a="test"),
        pair("other", "x3", "third", HOSTILE),
        pair("third", "y", "member", "z", distance="6.0"),
    ]
    table = tmp_path / "near_duplicates.tsv"
    write_text(table, format_rows(PAIR_COLUMNS, rows))
    compared = {"near_duplicates": table, "compared": ["tiny", "other", "third", "member"]}
    official = of_protocol(artefacts, "official")
    shown = write(artefacts, tmp_path, **compared, **official, joined=["member"])[1]
    assert "the training and test part are the dataset’s own" in shown.words()
    assert "3 pairs of clips show nearly the same pictures" in shown.words()
    assert shown.row("tiny: good1") == [["b", "–", "other: x2", "a", "test", "2", "0.5"]]
    assert shown.row("tiny: good0") == [["a", "–", "other: x1", "b", "fold 3", "2", "2.5"]]
    assert shown.row("member: z")
    assert not shown.row("other: x3")
    write_text(table, format_rows(PAIR_COLUMNS, rows[2:3]))
    grouped = of_protocol(artefacts, "grouped_k_fold")
    nothing = write(artefacts, tmp_path, **compared, **grouped)[1]
    assert "each fold is tested once" in nothing.words()
    assert "No clip shows nearly the same pictures as one of another dataset" in nothing.words()


def pair(dataset_a, clip_a, dataset_b, clip_b, **cells):
    sides = {"dataset_a": dataset_a, "clip_a": clip_a, "dataset_b": dataset_b, "clip_b": clip_b}
    sides |= {"actual_a": "a", "actual_b": "b", "frames_alike": "2", "distance": "1.0"}
    return dict.fromkeys(PAIR_COLUMNS, "") | sides | cells


def test_script_writes_the_same_bytes_again(artefacts, written_report, tmp_path):
    parts = {
        part: [str(paths[part]) for paths in artefacts["splits"].values()]
        for part in ("train", "val", "test")
    }

    class Input(SimpleNamespace):
        def __getitem__(self, name):
            return getattr(self, name)

    job = SimpleNamespace(
        input=Input(
            manifest=str(artefacts["manifest"]),
            tracks=list(map(str, artefacts["track_indexes"])),
            features=list(map(str, artefacts["feature_indexes"])),
            training=list(map(str, artefacts["training"].values())),
            metrics=str(artefacts["metrics_json"]),
            near_duplicates=[],
            confused_clips=str(artefacts["confusions"]["clips"]),
            confused_classes=str(artefacts["confusions"]["classes"]),
            explanation=[],
            models=[],
            ablation=[],
            text_fusion=[],
            **parts,
        ),
        output=SimpleNamespace(
            html=str(tmp_path / "report.html"), quality=str(tmp_path / "quality.csv")
        ),
        params=SimpleNamespace(
            folds=list(artefacts["splits"]),
            compared=[],
            joined=[],
            models=[],
            **{
                name: artefacts[name]
                for name in (
                    "dataset",
                    "store",
                    "config",
                    "adapter",
                    "commit",
                    "review_thumbnails",
                    "confused_clips",
                )
            },
        ),
        log=[str(tmp_path / "job.log")],
    )
    script = ROOT / "scripts" / "write_report.py"
    runpy.run_path(str(script), init_globals={"snakemake": job}, run_name="__main__")
    assert (tmp_path / "report.html").read_bytes() == written_report[0].read_bytes()
    assert (tmp_path / "quality.csv").read_bytes() == written_report[2].read_bytes()
    assert "12 clips" in (tmp_path / "job.log").read_text(encoding="utf-8")
