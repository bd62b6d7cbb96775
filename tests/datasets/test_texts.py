"""Texts of tables joined to a dataset's clips: which text wins, which tables are refused."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.datasets.texts import (
    TextSource,
    join_texts,
    manifest_options,
    read_texts,
    text_sources,
)
from facewave.manifest.clips import Clip, ManifestError

OWN = {"a": "own", "b": None, "c": "", "d": "own too"}
TABLE = 'clip_id,text,more\na,"made,\n a",x\nb,made b,x\nc,,x\nelsewhere,other,x\n'


def clips(prefix=""):
    return [
        Clip(f"{prefix}{name}", f"{name}.mp4", index, 0, "happy", text=text)
        for index, (name, text) in enumerate(OWN.items())
    ]


def write_table(folder, form):
    path = folder / f"t.{form}"
    if form == "csv":
        path.write_text(TABLE, encoding="utf-8")
    else:
        columns = {"clip_id": [*"abc", "elsewhere"], "text": ["made, a", "made b", None, "x"]}
        pq.write_table(pa.table(columns), path)
    return str(path)


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("replaced", "expected"),
    [(False, ["own", "made b", None, "own too"]), (True, ["made, a", "made b", None, None])],
)
def test_which_text_wins(tmp_path, form, replaced, expected):
    before = clips()
    source = TextSource(file=write_table(tmp_path, form), replace=replaced)
    assert [clip.text for clip in join_texts(before, source)] == expected
    assert before == clips()


def test_a_members_table_is_of_its_own_clips(tmp_path):
    joint = [*clips("one@"), *clips("two@")]
    source = TextSource(file=write_table(tmp_path, "csv"), replace=True, member="two")
    texts = [clip.text for clip in join_texts(joint, source)]
    assert texts == [*OWN.values(), "made, a", "made b", None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("clip,text\na,x\n", "no column 'clip_id'; there are clip, text"),
        ("clip_id,text\na,x\na,x\n", "row 2: clip 'a' is found twice"),
        ("clip_id,text\nelsewhere,x\n", "none of its 1 rows is about a clip of the dataset"),
        ("", "no column 'clip_id'"),
        (b"clip_id,text\na,\xff\n", "cannot be read"),
    ],
)
def test_tables_that_cannot_be_joined_are_refused(tmp_path, content, message):
    table = tmp_path / "texts.csv"
    if content is not None:
        table.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ManifestError, match=message):
        join_texts(clips(), TextSource(file=str(table), replace=False))


def test_parquet_files_that_cannot_be_joined_are_refused(tmp_path):
    pq.write_table(pa.table({"clip_id": ["a"]}), tmp_path / "t.parquet")
    with pytest.raises(ManifestError, match="no column 'text'"):
        read_texts(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_text("x")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_texts(tmp_path / "t.parquet")


def config(**texts):
    table = {"adapter": "table", "root": "r", "table": "t.csv"}
    datasets = {name: {**table, "texts": texts.get(name)} for name in ("one", "two")}
    datasets["both"] = {"adapter": "joint", "datasets": ["one", "two"], "texts": texts.get("both")}
    return {"datasets": datasets, "enabled": ["one", "two", "both"]}


def test_sources_of_a_joint_dataset_are_its_members_then_its_own(tmp_path):
    given = config(
        one={"from": "transcripts"}, two={"from": "t.csv", "replace": True},
        both={"from": "transcripts"},
    )  # fmt: skip
    options = dataset_config(check_config(given), "both")
    assert text_sources("both", options, tmp_path) == [
        {"file": str(tmp_path / "one/transcripts.parquet"), "replace": False, "member": "one"},
        {"file": "t.csv", "replace": True, "member": "two"},
        {"file": str(tmp_path / "both/transcripts.parquet"), "replace": False, "member": None},
    ]
    left = manifest_options(options)
    assert "texts" not in left
    assert all("texts" not in member for member in left["members"].values())
    plain = dataset_config(check_config(config()), "both")
    assert text_sources("both", plain, tmp_path) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"transcripts": {"join": "all"}}, r"datasets\.<name>\.texts: {from: transcripts}"),
        (config(one="t.csv"), r"datasets\.one\.texts: found 't\.csv' .*{from: transcripts, "),
        (config(one={"replace": True}), r"datasets\.one\.texts\.from: missing"),
        (config(one={"from": "annotations"}), r"expected annotate\.dataset: one"),
        (
            {**config(one={"from": "transcripts"}), "enabled": ["both"]},
            r"enabled: found both, expected one as well",
        ),
    ],
)
def test_configurations_that_cannot_work_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        check_config(given)
