"""Describing clips after examples: prompts, retries, the store, what is written."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from facewave.annotation.annotate import Annotation, Source, annotate, attempt_seed
from facewave.annotation.examples import ExamplesError
from facewave.annotation.tables import check_annotations
from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.storage.atomic import write_text
from facewave.storage.tables import format_rows
from facewave.vlm.plan import annotation_params
from facewave.vlm.zero_shot.models import find_model
from tests.vlm.made_up_videos import FakeModel
from tests.vlm.zero_shot_jobs import CLASSES, dataset

pytestmark = pytest.mark.usefixtures("one_thread")
GOOD = "A man in a dark room lowers his brows and turns towards the lamp number {}."


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Six clips to describe, one untracked; nine with captions, in three folds."""
    folder = tmp_path_factory.mktemp("annotate")
    dataset(folder / "t", 6, untracked=[5])
    captions = [f"A woman at table {index} turns her head." for index in range(9)]
    dataset(folder / "m", 9, text=captions, fold=[str(1 + i // 3) for i in range(9)])
    pair = dict.fromkeys(PAIR_COLUMNS, "") | {"dataset_a": "m", "clip_a": "m0"}
    pair |= {"dataset_b": "t", "clip_b": "t0"}
    write_text(folder / "near_duplicates.tsv", format_rows(PAIR_COLUMNS, [pair]))
    return folder


def source(files, name):
    folder = files / name
    return Source(
        name=name,
        manifest=str(folder / "manifest.parquet"),
        tracks=[str(folder / "tracks.tsv")],
        classes=CLASSES,
    )


def job(files, target, *, examples=True, seed=3, **changes):
    given = {"model": "tiny-random-qwen", "dtype": "float32", "max_pixels": 3136, "frames": 2}
    given |= {"example_frames": 2, "max_new_tokens": 12, "held_out_folds": ["3"], "neutral": 0}
    section = check_config({"annotate": {**given, **changes}})["annotate"]
    return Annotation(
        target=source(files, "t"),
        examples=source(files, "m") if examples else None,
        near_duplicates=str(files / "near_duplicates.tsv") if examples else None,
        store=str(files / "store"),
        outputs={
            "parquet": str(target / "annotations.parquet"),
            "csv": str(target / "annotations.csv"),
            "examples": str(target / "examples.csv"),
        },
        index=str(target / "keys.tsv"),
        options=annotation_params(section),
        default_fps=25.0,
        seed=seed,
        version=1,
    )


def run(done, fake=None):
    find = find_model if fake is None else lambda *_, **__: ("qwen", fake)
    annotate(done, threads=1, gpus=0, find=find)
    return pq.read_table(done.outputs["parquet"]).to_pylist()


def read_csv(path):
    return list(csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8"))))


def clip_of(conversation):
    """Which clip a question is about: the grey of its frames differs from clip to clip."""
    return int(conversation[-1].video.images.astype(int).sum())


def test_examples_come_first_and_show_no_label(files, tmp_path):
    fake = FakeModel(lambda index, *_: GOOD.format(index))
    done = job(files, tmp_path)
    run(done, fake)
    assert len(fake.calls) == 5  # the untracked clip has nothing to be described
    conversation = fake.calls[0][0]
    assert len(conversation) == 4
    question = conversation[-1].text
    assert "Do not name or guess any emotion" in question
    assert [turn.text for turn in conversation] == [question] * 4
    assert conversation[-1].answer is None
    shown = read_csv(done.outputs["examples"])
    assert [turn.answer for turn in conversation[:-1]] == [row["text"] for row in shown]
    assert sorted(row["actual"] for row in shown) == sorted(CLASSES)
    # Not m0, which looks like a clip of the target; not m6 to m8, of the held-out fold.
    assert {row["clip_id"] for row in shown} <= {"m1", "m2", "m3", "m4", "m5"}
    assert all(len(turn.video.images) == 2 for turn in conversation)


def test_what_is_missing_or_banned_is_asked_again_with_another_seed(files, tmp_path):
    seen: dict[int, int] = {}

    def say(index, conversation, seed):
        clip = clip_of(conversation)
        number = seen.setdefault(clip, len(seen))
        if number == 1 and seed is None:
            return ""
        if number == 2:
            return "He is sad."
        return GOOD.format(number)

    fake = FakeModel(say)
    done = job(files, tmp_path, max_new_tokens=13)
    rows = run(done, fake)
    assert [row["attempts"] for row in rows] == [1, 2, 3, 1, 1, 0]
    assert [row["flags"] for row in rows] == ["", "", "banned short", "", "", "missing"]
    assert rows[1]["text"] == GOOD.format(1)
    assert rows[1]["seed"] == attempt_seed(3, 1, "t1") is not None
    assert rows[0]["seed"] is None
    assert rows[5]["text"] is None
    seeds = [seed for _, seed in fake.calls]
    assert seeds[:5] == [None] * 5
    assert seeds[5:] == [attempt_seed(3, 1, "t1"), attempt_seed(3, 1, "t2"),
                         attempt_seed(3, 2, "t2")]  # fmt: skip
    run(done, fake)
    assert len(fake.calls) == 8  # everything was in the store


def test_what_is_written_says_where_it_comes_from(files, tmp_path):
    fake = FakeModel(lambda *_: GOOD.format("one"))
    fake.identity = {"model": "fake", "commit": "abc"}
    done = job(files, tmp_path, max_new_tokens=14)
    rows = run(done, fake)
    assert {row["revision"] for row in rows} == {"abc"}
    assert {row["model"] for row in rows} == {"tiny-random-qwen"}
    assert [row["flags"] for row in rows] == ["shared"] * 5 + ["missing"]
    (prompt,) = {row["prompt_sha256"] for row in rows}
    other = run(job(files, tmp_path, seed=11, max_new_tokens=14), fake)
    assert {row["prompt_sha256"] for row in other} != {prompt}  # other examples
    content = pq.read_schema(done.outputs["parquet"]).metadata[b"facewave"]
    assert json.loads(content)["examples_dataset"] == "m"
    assert [row["clip_id"] for row in read_csv(done.outputs["csv"])] == [f"t{i}" for i in range(6)]


def test_checks_of_what_was_written(files, tmp_path):
    fake = FakeModel(lambda index, *_: GOOD.format(index) if index else "sad")
    done = job(files, tmp_path, max_new_tokens=15, retries=0)
    run(done, fake)
    found = check_annotations(
        Path(done.outputs["parquet"]),
        files / "t" / "manifest.parquet",
        classes=CLASSES,
        options=done.options,
        seed=0,
    )
    assert found["clips"] == 6
    assert found["described"] == 5
    assert found["flags"]["banned"] == found["flags"]["missing"] == 1
    assert found["banned_words"] == {"sad": 1}
    assert found["probe"]["uar"] is None
    assert "too few classes" in found["probe"]["reason"]


def test_the_toy_describes_after_examples_and_alone(files, tmp_path):
    rows = run(job(files, tmp_path, retries=1))
    assert [bool(row["text"]) for row in rows[:5]] == [True] * 5
    alone = run(job(files, tmp_path / "alone", examples=False, retries=0))
    assert [row["text"] for row in alone] != [row["text"] for row in rows]
    assert read_csv(tmp_path / "alone" / "examples.csv") == []


def test_what_cannot_describe_is_refused(files, tmp_path):
    with pytest.raises(ValueError, match=r"take a checkpoint of Qwen2\.5-VL"):
        run(job(files, tmp_path, model="tiny-random", examples=False))
    with pytest.raises(ExamplesError, match=r"annotate\.held_out_folds"):
        run(job(files, tmp_path, held_out_folds=None))
    with pytest.raises(ExamplesError, match="too few examples of happy"):
        run(job(files, tmp_path, per_class=3))


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        ({"dataset": "dfew"}, r"annotate\.dataset: found 'dfew' .*dataset of `enabled`"),
        ({"examples": "mafw"}, r"annotate\.examples: found 'mafw'"),
        ({"dataset": "demo", "examples": "demo"}, "expected another or null"),
        ({"min_words": 9, "max_words": 8}, r"annotate\.min_words: found 9"),
    ],
)
def test_configurations_that_cannot_work_are_refused(annotation, message):
    with pytest.raises(ConfigError, match=message):
        check_config({"annotate": annotation})
