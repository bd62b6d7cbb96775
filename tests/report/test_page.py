"""The page fetches and runs nothing, shows names as they are, and is made by its script."""

import base64
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from facewave.storage.atomic import write_json
from tests.report.report_files import CLASSES, HOSTILE

ROOT = Path(__file__).resolve().parents[2]
# Tags of which none fetches or runs anything; `img` and `a` are looked at more closely.
TAGS = re.compile(
    "a|bdi|body|br|code|dd|details|div|dl|dt|figcaption|figure|h1|h2|h3|head|header|html|img|li|"
    "main|meta|nav|p|pre|section|small|span|strong|style|summary|table|tbody|td|th|thead|title|tr|ul"
)


def test_page_fetches_and_runs_nothing(page):
    for tag, attributes in page.tags:
        assert TAGS.fullmatch(tag)
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if "src" in attributes:
            assert attributes["src"].startswith(("data:image/jpeg;base64,", "data:image/svg+xml"))
        if "href" in attributes:
            assert (tag, attributes["href"][0]) == ("a", "#")


def test_links_of_the_page_lead_somewhere(page):
    targets = {attributes.get("id") for _, attributes in page.tags}
    links = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert links
    assert links <= targets


def test_figures_are_whole_and_refer_to_nothing_outside(page):
    images = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    drawings = [
        base64.b64decode(src.partition(",")[2]).decode() for src in images if "svg" in src[:20]
    ]
    assert len(drawings) == 1 + 5 + 6 + 2 + 1
    for drawing in drawings:
        assert re.findall(r'href="(?!#|data:)', drawing) == []
        assert "@import" not in drawing
        assert drawing.rstrip().endswith("</svg>")
        assert "<script" not in drawing


def test_every_image_says_what_it_shows(page):
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_hostile_names_are_shown_as_text(written_report, page):
    raw = written_report[0].read_text(encoding="utf-8")
    assert HOSTILE not in raw
    assert HOSTILE in page.text
    assert page.row(CLASSES[1])[0][0] == "5"


def test_policy_forbids_what_autoescape_might_miss(page):
    policy = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_demo_says_that_it_is_synthetic(page, variant):
    assert "no number on it is a scientific result" in variant.words()
    assert "Synthetic" not in page.text


def test_provenance_names_versions_model_data_and_configuration(page, artefacts):
    assert page.row("seed") == [["7"]]
    assert page.row("commit of the workflow") == [["abc1234"]]
    assert page.row("NumPy") == [[np.__version__]]
    assert page.row("face landmarker, SHA-256") == [["c0ffee00" * 8]]
    assert len(page.row("data of train, SHA-256")[0][0]) == 64
    assert "min_detection_ratio: 0.9" in page.text


def test_commit_may_be_unknown(variant):
    assert variant.row("commit of the workflow") == []


class Inputs(dict):
    """Inputs of a job, which Snakemake gives by attribute and by key."""

    __getattr__ = dict.__getitem__


def text(paths):
    return [str(path) for path in paths]


def test_script_writes_the_same_bytes_again(artefacts, written_report, tmp_path):
    files, settings = artefacts
    parts = {
        part: text(paths[part] for paths in files.splits.values())
        for part in ("train", "val", "test")
    }
    comparison = tmp_path / "models.json"
    write_json(comparison, {"rows": []})
    job = SimpleNamespace(
        input=Inputs(
            manifest=str(files.manifest),
            tracks=text(files.track_indexes),
            features=text(files.feature_indexes),
            training=text(files.training.values()),
            answers=text(files.answers.values()),
            metrics=str(files.scores),
            clip_table=str(files.clip_table),
            near_duplicates=[],
            confused_clips=str(files.confused_clips),
            confused_classes=str(files.confused_classes),
            explanation=[],
            models=[],
            comparison=str(comparison),
            ablations=[],
            text_fusion=[],
            **parts,
        ),
        output=SimpleNamespace(
            html=str(tmp_path / "report.html"), subgroups=str(tmp_path / "subgroups.csv")
        ),
        params=SimpleNamespace(
            dataset=settings.dataset,
            config=settings.config,
            commit=settings.commit,
            store=files.store,
            folds=list(files.splits),
            compared=[],
            variants=None,
            models={},
            ablations={},
        ),
        log=[str(tmp_path / "job.log")],
    )
    script = ROOT / "scripts" / "write_report.py"
    runpy.run_path(str(script), init_globals={"snakemake": job}, run_name="__main__")
    assert (tmp_path / "report.html").read_bytes() == written_report[0].read_bytes()
    assert "12 clips" in (tmp_path / "job.log").read_text(encoding="utf-8")
