"""Scores of groups of clips."""

import csv

import pytest

from facewave.evaluation.units import Origin
from facewave.report.subgroups import by_kind, read_subgroups, write_subgroups
from facewave.storage.tables import write_csv
from tests.report.report_files import report_clip


@pytest.fixture
def table(tmp_path):
    def make(rows):
        path = tmp_path / "predictions.csv"
        write_csv(path, ("clip_id", "truth", "right"), rows)
        return path

    return make


def test_groups_by_hand(table, tmp_path):
    # Men (01, 03) are right half of the time, the woman (02) always; she shows one class only.
    actors = ["01", "01", "02", "02", "03", "03"]
    clips = [
        report_clip(i, subject=actor, mean_abs_yaw=[5.0, 10.0, 45.0][i % 3], fps=25.0, frames=100)
        for i, actor in enumerate(actors)
    ]
    rights = ["1.0", "0.0", "1.0", "1.0", "0.5", "0.5"]
    truths = ["a", "b", "a", "a", "a", "b"]
    rows = [(f"c{i}", truths[i], rights[i]) for i in range(6)]
    origins = {f"c{i}": Origin(actor, None, f"c{i}") for i, actor in enumerate(actors)}
    found = read_subgroups(table(rows), clips, origins, adapter="ravdess", seed=0)
    kinds = dict(by_kind(found))
    # All clips have the same coverage and length, and none a scene.
    assert list(kinds) == ["sex", "turn of the head, degrees"]
    female, male = kinds["sex"]
    assert (female.group, female.clips, female.classes, female.uar) == ("female", 2, 1, 1.0)
    # Class a: (1 + 0.5) / 2; class b: (0 + 0.5) / 2.
    assert (male.clips, male.classes, male.fewest, male.uar, male.war) == (4, 2, 2, 0.5, 0.5)
    assert (male.units, male.unit) == (2, "subjects")
    assert male.uar_low <= 0.5 <= male.uar_high
    yaw = kinds["turn of the head, degrees"]
    assert [row.group for row in yaw] == ["below 10", "10 to 20", "30 and more"]
    assert sum(row.clips for row in yaw) == 6
    write_subgroups(tmp_path / "s.csv", found)
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as file:
        assert [row["group"] for row in csv.DictReader(file)][:2] == ["female", "male"]


def test_scenes_and_clips_of_which_nothing_is_known(table):
    clips = [
        report_clip(0, scene="court", coverage=0.4, detected=40),
        report_clip(1, scene="kitchen"),
        report_clip(2, scene=None, frames=0, mean_abs_yaw=float("nan")),
    ]
    rows = [(f"c{i}", "a", "1.0") for i in range(3)]
    kinds = dict(by_kind(read_subgroups(table(rows), clips, {}, adapter="table", seed=0)))
    assert [row.group for row in kinds["scene"]] == ["court", "kitchen"]
    assert [row.group for row in kinds["frames with the face, fraction"]] == [
        "below 0.5",
        "1 and more",
    ]
    assert "sex" not in kinds
    assert sum(row.clips for row in kinds["scene"]) == 2


def test_rare_scenes_are_one_group(table):
    clips = [report_clip(i, scene=f"s{i // 2:02d}") for i in range(28)]
    rows = [(f"c{i}", "a", "1.0") for i in range(28)]
    kinds = dict(by_kind(read_subgroups(table(rows), clips, {}, adapter="table", seed=0)))
    assert len(kinds["scene"]) == 13
    assert (kinds["scene"][-1].group, kinds["scene"][-1].clips) == ("others", 4)
