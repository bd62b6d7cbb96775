"""Real values of clips: columns of the label table, tables joined by clip id, what keeps them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.config.check import check_config, dataset_config
from facewave.config.errors import ConfigError
from facewave.datasets.load import load_clips
from facewave.datasets.texts import manifest_options
from facewave.manifest.clips import Clip, ManifestError
from facewave.planning.plan import plan_dataset
from facewave.planning.scenes import plan_scenes
from tests.datasets.dataset_rows import CLASSES, clips, make_root, problems
from tests.video.media import flat_frames, write_video

LABELS = "file_path,label,valence,arousal\nx.mp4,happy,1.5,-2\ny.mp4,sad,,1e-3\na/x.mp4,sad,,\n"
HAPPY = (("valence", 1.5), ("arousal", -2.0))


@pytest.fixture
def root(tmp_path):
    folder = make_root(tmp_path)
    (folder / "labels.csv").write_text(LABELS)
    return folder


def entry(root, targets, **options):
    table = {"adapter": "table", "root": str(root), "table": "labels.csv", "classes": CLASSES}
    return {**table, "targets": targets, **options}


def load(root, targets, name="mine", **datasets):
    given = {"enabled": [name], "datasets": {"mine": entry(root, targets), **datasets}}
    options = dataset_config(check_config(given), name)
    return load_clips(name, options, classes=options["classes"], seed=0, demo_root=root)


def scores(root, text):
    path = root.parent / "scores.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("targets", [["valence", "arousal"], {"columns": ["valence", "arousal"]}])
def test_columns_of_the_label_table(root, targets):
    found = load(root, targets)
    assert [clip.targets for clip in found] == [HAPPY, (("arousal", 0.001),), None]
    assert [clip.targets for clip in load(root, None)] == [None] * 3


def test_numbers_of_parquet(root):
    columns = {"file_path": ["x.mp4", "y.mp4"], "label": ["happy", "sad"], "v": [3, None]}
    pq.write_table(pa.table(columns), root / "t.parquet")
    found = load(root, None, name="p", p=entry(root, ["v"], table="t.parquet"))
    assert [clip.targets for clip in found] == [(("v", 3.0),), None]


def test_bad_cells_and_columns_are_named(root):
    text = LABELS.replace("1.5", "high").replace("1e-3", "inf")
    (root / "labels.csv").write_text(text)
    with pytest.raises(ManifestError) as error:
        load(root, ["valence", "arousal"])
    words = "expected a number or an empty cell"
    assert error.value.problems == [
        f"labels.csv line 2: target 'valence': found 'high', {words}",
        f"labels.csv line 3: target 'arousal': found 'inf', {words}",
    ]
    with pytest.raises(ManifestError, match=r"column 'valense'.*did you mean 'valence'"):
        load(root, ["valense"])


def test_a_target_cannot_be_called_as_the_column_of_ids(root):
    assert problems(root, {"targets": [{"clip_id": 1}]}, check_files=False) == [
        "line 2: target 'clip_id': expected another name than that of the column of ids"
    ]


def test_rows_of_an_adapter_of_ones_own(root):
    cells = [{"v": 1, "w": " 2.5 "}, None, {"v": float("nan"), "w": ""}]
    found = clips(root, {"targets": cells}, check_files=False)
    assert [clip.targets for clip in found] == [(("v", 1.0), ("w", 2.5)), None, None]
    assert problems(root, {"targets": [{"v": [1]}]}, check_files=False) == [
        "line 2: target 'v': found '[1]', expected a number or an empty cell"
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_table_joined_by_clip_id(root, form):
    path = scores(root, "clip_id,valence,note\nx,4,n\ny,,n\nelsewhere,1,n\n")
    if form == "parquet":
        path = str(root / "s.parquet")
        columns = {"clip_id": ["x", "y", "elsewhere"], "valence": [4.0, None, 1.0]}
        pq.write_table(pa.table(columns), path)
    found = load(root, {"table": path, "columns": ["valence"]})
    assert [clip.targets for clip in found] == [(("valence", 4.0),), None, None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("clip,valence\nx,1\n", "no column 'clip_id'; there are clip, valence"),
        ("clip_id,valense\nx,1\n", "no column 'valence'.*did you mean 'valense'"),
        ("clip_id,valence\nx,1\ny,high\n", "row 2: target 'valence': found 'high'"),
        ("clip_id,valence\nx,1\nx,\n", "row 2: clip_id 'x': found twice"),
        ("clip_id,valence\nelsewhere,1\n", "none of its 1 rows with numbers is about a clip"),
    ],
)
def test_tables_that_cannot_be_joined_are_refused(root, text, message):
    path = str(root / "none.csv") if text is None else scores(root, text)
    with pytest.raises(ManifestError, match=rf"dataset mine, .*\.csv: .*(?s:.*){message}"):
        load(root, {"table": path, "columns": ["valence"]})


def test_a_joint_dataset_keeps_and_adds_targets(root):
    more = scores(root, "clip_id,valence,stress\nmine@x,9,7\nother@y,,8\n")
    both = {"adapter": "joint", "datasets": ["mine", "other"], "classes": CLASSES}
    datasets = {"other": entry(root, None), "both": both}
    found = load(root, ["valence", "arousal"], name="both", **datasets)
    assert [clip.targets for clip in found] == [HAPPY, (("arousal", 0.001),), *[None] * 4]
    both["targets"] = {"table": more, "columns": ["valence", "stress"]}
    found = {
        clip.clip_id: clip.targets
        for clip in load(root, ["valence", "arousal"], name="both", **datasets)
    }
    assert found["mine@x"] == (("valence", 9.0), ("arousal", -2.0), ("stress", 7.0))
    assert found["other@y"] == (("stress", 8.0),)


def test_segments_take_their_own_row_or_that_of_their_clip(root):
    for name in ("x.mp4", "y.mp4", "a/x.mp4"):
        write_video(root / name, flat_frames(20), fps=10)
    path = scores(root, "clip_id,valence\nx,1\nx__001,5\n")
    options = {"segments": {"seconds": 1}, "subset": 2}
    given = entry(root, {"table": path, "columns": ["valence"]}, **options)
    found = load(root, None, name="s", s=given)
    assert len(found) == 4
    values = {clip.clip_id: clip.targets for clip in found}
    assert values["x__000"] == (("valence", 1.0),)
    assert values["x__001"] == (("valence", 5.0),)
    assert sum(targets is None for targets in values.values()) == 2


def test_a_changed_target_changes_its_own_key_file_alone(tmp_path):
    plain = [Clip(name, f"{name}.mp4", i, 0, "happy") for i, name in enumerate("ab")]
    keys = []
    for targets in (None, HAPPY, (("valence", 1.25), HAPPY[1])):
        clips = [Clip("a", "a.mp4", 0, 0, "happy", targets=targets), plain[1]]
        plan = plan_dataset(
            clips, folder=tmp_path, buckets=1, stage_options={"tracks": {}, "features": {}}
        )
        assert plan.targets == ([] if targets is None else ["arousal", "valence"])
        files = sorted((tmp_path / "keys").rglob("*.*"))
        keys.append({path.name: path.read_text() for path in files if path.name != "plan.json"})
    first, second, third = keys
    assert "targets.json" not in first
    assert json.loads(third.pop("targets.json")) == {"a": {"valence": 1.25, "arousal": -2.0}}
    assert json.loads(second.pop("targets.json")) == {"a": {"valence": 1.5, "arousal": -2.0}}
    assert first == second == third


def test_targets_are_in_no_params_of_the_manifest(root):
    given = dataset_config({"datasets": {"mine": entry(root, ["valence"])}}, "mine")
    assert given["targets"] == ["valence"]
    kept = manifest_options({**given, "members": {"m": given}})
    assert {"texts", "targets"}.isdisjoint({*kept, *kept["members"]["m"]})
    assert kept["members"]["m"].keys() | {"texts", "targets"} == given.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"adapter": "demo", "targets": ["v"]}, r"targets: found .* expected {table: scores\.csv"),
        ({"adapter": "demo", "targets": {"columns": ["v"]}}, r"targets\.table: missing"),
        ({"targets": []}, r"targets: found .* expected a list of columns"),
        ({"targets": {"table": "t.csv"}}, r"targets\.columns: missing"),
        ({"targets": {"columns": ["v"], "loss": "mse"}}, r"targets\.loss: found an unknown key"),
    ],
)
def test_configurations_that_cannot_work_are_refused(options, message):
    table = {"adapter": "table", "root": "r", "table": "t.csv"}
    given = options if "adapter" in options else {**table, **options}
    with pytest.raises(ConfigError, match=message):
        check_config({"datasets": {"mine": given}})


def test_rows_of_segments_alone_keep_no_scenes_from_being_looked_for(root):
    path = scores(root, "clip_id,valence\nx__001,5\n")
    folders = {"scenes": str(root / "scenes"), "keys": str(root / "keys/scenes")}
    given = entry(root, {"table": path, "columns": ["valence"]}, segments={"seconds": 1, **folders})
    found = plan_scenes("s", given, scenes={}, seed=0, demo_root=root)
    assert list(found) == ["x", "y", "a__x"]
