"""The splits as conversations: written, and read back by what reads JSON lines."""

import json

import numpy as np
import pyarrow.json
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.manifest.clips import Clip
from facewave.prompts.questions import PromptError
from facewave.splits.export_chat import FORMATS, export_chat
from facewave.splits.partition import PARTS
from facewave.splits.write import iter_split_rows, write_splits
from facewave.storage.roots import DatasetRoot, Located
from facewave.storage.store import read_shard, shard_path, write_shard
from tests.workflow.workflow import snakemake

SHAPES = {"landmarks": (2, 3, 3), "blendshapes": (2, 4)}
CLASSES = ["neutral", "happy"]


def index_row(key, *, valid=True, reason=""):
    names = ("frames", "detected", "detection_ratio", "longest_gap", "jitter", "mean_abs_yaw")
    row = dict.fromkeys((*names, "clip_id", "index"), "1")
    return row | {"key": key, "valid": str(valid).lower(), "reason": reason}


def make_split(folder, clips, *, invalid=()):
    """Write a split whose training part holds these clips; return its file and the store."""
    store, index = folder / "store", {}
    for clip in clips:
        key = f"{clip.video_idx:02d}key"
        arrays = {name: np.full(shape, 0.5, np.float32) for name, shape in SHAPES.items()}
        write_shard(shard_path(store, "features", key), arrays, {"track_key": f"t{key}"})
        bad = clip.clip_id in invalid
        index[clip.clip_id] = index_row("" if bad else key, valid=not bad, reason="no face" * bad)
    outputs = {part: folder / f"{part}.parquet" for part in PARTS}
    write_splits(
        clips,
        index,
        {clip.clip_id: "train" for clip in clips},
        outputs=outputs,
        store=store,
        shapes=SHAPES,
        metadata={"classes": CLASSES},
    )
    return outputs["train"], store


def clip(index, **values):
    label = index % 2
    return Clip(f"c{index}", f"/videos/c{index}.mp4", index, label, CLASSES[label], **values)


def export(split, store, *, form, prompt="question", use_text=False):
    target = split.with_name(f"train.{form}.jsonl")
    count = export_chat(
        split, target, form=form, prompt=prompt, use_text=use_text, videos=Located({}), store=store
    )
    records = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert count == len(records)
    return records, target


def said(record):
    """Return path of the video, question and answer, whatever the form."""
    if "conversations" in record:
        human, gpt = record["conversations"]
        assert (human["from"], gpt["from"]) == ("human", "gpt")
        sign, question = human["value"].split("\n")
        assert sign == "<video>"
        return record["video"], question, gpt["value"]
    user, assistant = record["messages"]
    assert (user["role"], assistant["role"]) == ("user", "assistant")
    video, question = user["content"]
    (answer,) = assistant["content"]
    assert [part["type"] for part in (video, question, answer)] == ["video", "text", "text"]
    return video["video"], question["text"], answer["text"]


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_written_is_what_the_split_holds(tmp_path, form):
    clips = [clip(0), clip(1), clip(2, start_ms=2000, end_ms=4000)]
    split, store = make_split(tmp_path, clips, invalid={"c1"})
    records, target = export(split, store, form=form)
    rows = list(iter_split_rows(split))
    assert [record["id"] for record in records] == [row["clip_id"] for row in rows]
    for record, row in zip(records, rows, strict=True):
        video, question, answer = said(record)
        assert (video, answer, record["label"]) == (row["file_path"], row["actual"], row["label"])
        assert question.endswith("nothing else: neutral, happy.")
        assert "answer en" not in question
        if row["valid"]:
            arrays, _ = read_shard(record["face"]["features"])
            for name, shape in record["face"]["shapes"].items():
                np.testing.assert_array_equal(arrays[name], row[name])
                assert arrays[name].shape == tuple(shape)
    assert (records[1]["valid"], records[1]["reason"], records[1]["face"]) == (
        False,
        "no face",
        None,
    )
    assert [record["segment"] for record in records[:2]] == [None, None]
    assert records[2]["segment"] == {"start_seconds": 2.0, "end_seconds": 4.0}
    if form == "messages":
        shown = records[2]["messages"][0]["content"][0]
        assert (shown["video_start"], shown["video_end"]) == (2.0, 4.0)
    # A reader that needs one type per column accepts the file as well.
    table = pyarrow.json.read_json(target)
    assert table.num_rows == 3
    assert table.column("id").to_pylist() == ["c0", "c1", "c2"]


@pytest.mark.parametrize("form", FORMATS)
def test_the_clips_text_is_in_the_question_where_it_is_wanted(tmp_path, form):
    texts = ["He says “no”.\nTwice.", None]
    split, store = make_split(tmp_path, [clip(i, text=text) for i, text in enumerate(texts)])
    records, _ = export(split, store, form=form, use_text=True)
    questions = [said(record)[1] for record in records]
    assert questions[0].startswith("About the video: He says “no”. Twice. Which emotion")
    assert questions[1].startswith("About the video: (nothing is known) Which emotion")
    records, _ = export(split, store, form=form, prompt="What is shown? {classes}")
    assert said(records[0])[1] == "What is shown? neutral, happy"


@settings(max_examples=15, deadline=None)
@given(text=st.text(max_size=40))
def test_no_text_breaks_a_line(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("chat")
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    split, store = make_split(folder, [clip(0, text=text), clip(1)])
    for form in FORMATS:
        target = folder / "x.jsonl"
        export_chat(
            split,
            target,
            form=form,
            prompt="question",
            use_text=True,
            videos=Located({}),
            store=store,
        )
        with target.open(encoding="utf-8", newline="\n") as file:
            assert [json.loads(line)["id"] for line in file] == ["c0", "c1"]


def test_what_cannot_be_written_leaves_no_file(tmp_path):
    split, store = make_split(tmp_path, [clip(0)])
    target = tmp_path / "x.jsonl"
    common = {"use_text": False, "videos": Located({}), "store": store}
    with pytest.raises(PromptError, match="no template 'quest'"):
        export_chat(split, target, form="llava", prompt="quest", **common)
    with pytest.raises(ValueError, match="expected llava or messages, got 'alpaca'"):
        export_chat(split, target, form="alpaca", prompt="question", **common)
    assert not target.exists()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"export_chat": {"prompt": "quest"}}, "export_chat.prompt: there is no template 'quest'"),
        (
            {"export_chat": {"prompt": "Say {feeling}"}},
            "export_chat.prompt: there is no field {feeling}",
        ),
        ({"export_chat": {"prompt": "Say it", "use_text": True}}, "the template has no {text}"),
        ({"export_chat": {"formats": ["alpaca"]}}, "export_chat.formats"),
        ({"transcripts": {"engine": "pocketsphinx", "language": "de"}}, "expected en or null"),
        ({"transcripts": {"engine": "ears"}}, "transcripts.engine"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_told_at_once(sections, message):
    with pytest.raises(ConfigError, match=message):
        check_config(sections)


@pytest.mark.workflow
def test_a_file_for_every_part(project):
    run = snakemake(project, "--", "export_chat")
    assert run.jobs == {"write_chat": 6, "export_chat": 1}
    folder = project / "results/small/export/80-10-10"
    ids = {form: [] for form in FORMATS}
    for part in PARTS:
        for form in FORMATS:
            for line in (folder / f"{part}.{form}.jsonl").read_text().splitlines():
                record = json.loads(line)
                ids[form].append(record["id"])
                assert said(record)[0] == str(project / "videos" / record["id"]) + ".mp4"
    assert len(set(ids["llava"])) == 6
    assert ids["llava"] == ids["messages"]


def test_videos_are_named_where_they_are_now(tmp_path):
    own = clip(0, root=DatasetRoot("/videos/", "a/"))
    split, store = make_split(tmp_path, [own])
    assert [row["file_path"] for row in iter_split_rows(split)] == ["a/c0.mp4"]
    target = tmp_path / "x.jsonl"
    options = {"form": "llava", "prompt": "question", "use_text": False, "store": store}
    export_chat(split, target, videos=Located({"a/": "/moved/"}), **options)
    assert json.loads(target.read_text())["video"] == "/moved/c0.mp4"
