"""The report: everything a person needs to see, nothing that a browser would fetch or run."""

import base64
import csv
import json
import re
import runpy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from report_files import CLASSES, FRAMES, HOSTILE, build

from facewave.blendshapes import BLENDSHAPES
from facewave.landmarks import blendshape_names
from facewave.mlp_epochs import Epoch
from facewave.near_duplicates import PAIR_COLUMNS
from facewave.report import figures, write_report
from facewave.report.clips import QUALITY_COLUMNS, ReportClip, read_clips
from facewave.report.collect import CURVES
from facewave.report.review import MAX_ROWS, example_clips, measures, review_clips
from facewave.report.thumbnails import make_thumbnail
from facewave.report.wavelet import wavelet_example
from facewave.store import shard_path
from facewave.tsv import format_rows, write_text

ROOT = Path(__file__).resolve().parent.parent
# Tags of which none fetches or runs anything; `img` and `a` are looked at more closely.
TAGS = re.compile(
    "a|bdi|body|br|code|dd|details|div|dl|dt|figcaption|figure|h1|h2|h3|head|header|html|img|li|"
    "main|meta|nav|p|pre|section|small|span|strong|style|summary|table|tbody|td|th|thead|title|tr|ul"
)


class Page(HTMLParser):
    """Tags with their attributes, text, table rows, and cards by clip in their order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.text, self._cards, self._in_cell = [], [], "", [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True
        elif tag == "li":
            self._cards.append(SimpleNamespace(clip="", text="", images=[]))
        elif tag == "img" and self._cards:
            self._cards[-1].images.append(dict(attrs)["src"])

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._in_cell = False
        if tag == "strong" and self._cards and not self._cards[-1].clip:
            self._cards[-1].clip = self._cards[-1].text.split()[-1]

    def handle_data(self, data):
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data
        if self._cards:
            self._cards[-1].text += data

    @property
    def cards(self):
        """Return the cards of the lists; what follows the last one is not its text."""
        for card in self._cards:
            card.text = " ".join(card.text.partition(".mp4")[0].split()) + ".mp4"
        return self._cards

    def words(self):
        """Return the text with single blanks."""
        return " ".join(self.text.split())

    def row(self, first):
        """Return the cells of the rows with this first cell, its own left out."""
        cells = [[" ".join(cell.split()) for cell in row] for row in self.rows if row]
        return [row[1:] for row in cells if row[0] == first]


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory):
    return build(tmp_path_factory.mktemp("report"))


def write(artefacts, folder, **changes):
    """Write a report; return its path, the parsed page and the path of the quality table."""
    output, quality = folder / "report.html", folder / "quality.csv"
    write_report(output=output, quality_csv=quality, **(artefacts | changes))
    return output, Page(output.read_text(encoding="utf-8")), quality


@pytest.fixture(scope="module")
def written(artefacts, tmp_path_factory):
    return write(artefacts, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(written):
    return written[1]


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


@pytest.fixture(scope="module")
def clips(artefacts):
    found = read_clips(
        artefacts["manifest"], artefacts["track_indexes"], artefacts["feature_indexes"]
    )
    return {clip.clip_id: clip for clip in found}


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


def test_every_picture_says_what_it_shows(page):
    assert all(attributes["alt"] for tag, attributes in page.tags if tag == "img")


def test_hostile_names_are_shown_as_text(written, page):
    raw = written[0].read_text(encoding="utf-8")
    assert HOSTILE not in raw
    assert HOSTILE in page.text
    assert page.row(CLASSES[1])[0][0] == "5"


def test_policy_forbids_what_autoescape_might_miss(page):
    policy = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


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


def test_quality_table_has_every_clip_and_column(written):
    with written[2].open(encoding="utf-8", newline="") as file:
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


def pixels(thumbnail):
    data = base64.b64decode(thumbnail.uri.partition(",")[2])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_picture_is_of_the_detected_frame_nearest_to_the_middle(clips, artefacts):
    # Detected are 10 to 21, the middle is 11; `flat_frames` paints frame i with 40 + 5 i.
    picture = make_thumbnail(clips["half"], store=artefacts["store"])
    assert (picture.frame, picture.landmarks) == (11, True)
    assert (picture.width, picture.height) == (220, 165)
    assert abs(np.median(pixels(picture)) - (40 + 5 * 11)) <= 3


def test_landmarks_are_drawn_where_they_are(clips, artefacts):
    image = pixels(make_thumbnail(clips["good0"], store=artefacts["store"]))
    blue = image[:, :, 0] - image[:, :, 2] > 30
    rows, columns = np.nonzero(blue)
    assert blue.sum() > 100
    assert rows.min() > 0.35 * 165
    assert rows.max() < 0.7 * 165
    assert columns.min() > 0.37 * 220
    assert columns.max() < 0.63 * 220


def test_clip_without_a_face_shows_its_middle_without_dots(clips, artefacts):
    picture = make_thumbnail(clips["noface"], store=artefacts["store"])
    assert (picture.frame, picture.landmarks) == ((FRAMES - 1) // 2, False)
    assert np.ptp(pixels(picture), axis=2).max() < 20


def test_damaged_trajectory_costs_the_dots_only(clips, artefacts, tmp_path):
    clip = clips["good1"]
    shard = shard_path(artefacts["store"], "tracks", clip.track_key)
    damaged = shard_path(tmp_path, "tracks", clip.track_key)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(shard.read_bytes()[:2000])
    picture = make_thumbnail(clip, store=tmp_path)
    assert picture.uri
    assert not picture.landmarks
    assert wavelet_example([clip], store=tmp_path) is None


def test_wavelet_example_shows_the_liveliest_clip_and_one_of_each_pair(clips, artefacts):
    example = wavelet_example(list(clips.values()), store=artefacts["store"])
    assert example.clip.clip_id in ("good2", "good5")
    assert [trace.name for trace in example.traces] == [
        "jawOpen",
        "mouthSmileLeft",
        "lower lip (landmark 14), y",
    ]
    assert example.clip_bytes == FRAMES * 1486 * 4
    assert example.code_bytes == 8 * 1486 * 4
    for trace in example.traces:
        assert trace.error < 0.1 * trace.span


def test_layout_is_explained(page, folds):
    assert "the means over 8 equal spans" in page.words()
    assert "approximation and details from coarse to fine" in folds[1].words()


def test_frames_that_a_code_has_lost_are_left_open(tmp_path):
    made = build(tmp_path, layout="paper")
    found = read_clips(made["manifest"], made["track_indexes"], made["feature_indexes"])
    example = wavelet_example(found, store=made["store"])
    [trace, *_] = example.traces
    # 24 frames are padded to 32 and held in 8 blocks of 4: all are known.
    assert np.isfinite(trace.rebuilt).all()
    lost = replace(trace, rebuilt=np.where(np.arange(FRAMES) < 16, trace.rebuilt, np.nan))
    assert figures.trajectory(example, lost).uri
    assert figures.code_bars(example, lost).uri


def clip(number, *, reason="", notes="", **changes):
    values = {
        "clip_id": f"c{number}",
        "file_path": f"c{number}.mp4",
        "label": "happy",
        "subject": None,
        "valid": not reason,
        "reason": reason,
        "frames": 100,
        "frames_announced": 100,
        "detected": 100,
        "detection_ratio": 1.0,
        "longest_gap": 0,
        "jitter": 0.01,
        "mean_abs_yaw": 2.0,
        "width": 64,
        "height": 48,
        "fps": 25.0,
        "max_faces_seen": 1,
        "notes": notes,
        "track_key": "t",
        "feature_key": "f",
    }
    return ReportClip(**(values | changes))


def test_rare_reasons_are_not_hidden_behind_frequent_ones():
    many = [clip(i, reason=f"no face in any of {i} frames") for i in range(MAX_ROWS + 200)]
    review = review_clips([*many, clip("rare", reason="truncated")])
    assert review.n_invalid == MAX_ROWS + 201
    assert len(review.invalid) == MAX_ROWS
    assert review.invalid[0].clip_id == "crare"
    assert review.reasons == [("no face in any of … frames", MAX_ROWS + 200), ("truncated", 1)]


def test_shaky_and_gappy_valid_clips_are_worth_a_look_but_ordinary_ones_are_not():
    ordinary = [clip(i) for i in range(50)]
    shaky, gappy = clip("shaky", jitter=0.09), clip("gap", detection_ratio=0.92, detected=92)
    odd = review_clips([*ordinary, shaky, gappy]).odd
    assert {entry.clip.clip_id for entry in odd} == {"cshaky", "cgap"}
    assert "jitter 9.0 %" in next(e.why for e in odd if e.clip is shaky)


def test_notes_on_thousands_of_clips_give_a_few_rows():
    assert len(review_clips([clip(i, notes="variable frame rate") for i in range(3000)]).odd) == 5


def test_examples_are_of_different_classes_and_subjects():
    pool = [
        clip(i, label="happy" if i < 8 else f"class{i}", subject=f"s{i % 4}") for i in range(12)
    ]
    chosen = example_clips(pool, count=6)
    assert len({entry.label for entry in chosen}) == 5
    assert len({entry.subject for entry in chosen}) == 4


@pytest.mark.parametrize(
    "changes",
    [
        {"jitter": float("nan"), "mean_abs_yaw": float("nan")},
        {"jitter": 0.0, "mean_abs_yaw": 0.0},
        {"frames": 1},
    ],
)
def test_distributions_may_be_degenerate(changes):
    for measure in measures([clip(0, **changes)]):
        if measure.values.size:
            assert figures.histogram(measure, limit=5).uri
        else:
            assert measure.quantiles is None


def test_wide_distributions_are_drawn_logarithmically():
    [frames, *_] = measures([clip(i, frames=10) for i in range(9)] + [clip(9, frames=90_000)])
    text = base64.b64decode(figures.histogram(frames).uri.partition(",")[2]).decode()
    assert re.search(r">1,?000<", text)
    assert "mathdefault" not in text


def test_class_names_of_any_kind_are_drawn_as_they_are():
    picture = figures.confusion(["怒り", "x" * 80, "$x_1$"], np.eye(3))
    text = base64.b64decode(picture.uri.partition(",")[2]).decode()
    assert "怒り" in text
    assert ">$x_1$<" in text
    assert "x" * 23 + "…" in text


def test_blendshape_names_are_those_of_the_model():
    assert list(BLENDSHAPES) == blendshape_names()


def test_curves_are_columns_of_the_training():
    assert set(CURVES) < set(Epoch.__dataclass_fields__)


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


def test_script_writes_the_same_bytes_again(artefacts, written, tmp_path):
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
    assert (tmp_path / "report.html").read_bytes() == written[0].read_bytes()
    assert (tmp_path / "quality.csv").read_bytes() == written[2].read_bytes()
    assert "12 clips" in (tmp_path / "job.log").read_text(encoding="utf-8")
