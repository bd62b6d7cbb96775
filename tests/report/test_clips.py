"""What the report knows of each clip, and the quality table."""

import csv

import pytest

from facewave.report.clips import QUALITY_COLUMNS, write_quality_csv
from tests.report.report_files import HOSTILE
from tests.report.report_page import write


def test_quality_table_has_every_clip_and_column(clips, tmp_path):
    table = tmp_path / "quality.csv"
    write_quality_csv(table, list(clips.values()))
    with table.open(encoding="utf-8", newline="") as file:
        rows = {row["clip_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 12
    assert tuple(rows["half"]) == QUALITY_COLUMNS
    half = rows["half"]
    assert (half["valid"], half["detected"], half["longest_gap"]) == ("false", "12", "10")
    assert float(half["detection_ratio"]) == float(half["coverage"]) == 0.5
    assert float(half["longest_gap_seconds"]) == pytest.approx(0.4)
    assert (rows["gone"]["jitter"], rows["gone"]["frames"]) == ("", "0")
    assert rows["garbage"]["subject"] == HOSTILE
    assert (rows["good0"]["valid"], rows["good0"]["reason"]) == ("true", "")


def test_clip_without_an_index_row_is_refused(artefacts, tmp_path):
    index = artefacts.files.feature_indexes[0]
    shorter = tmp_path / "features.tsv"
    lines = index.read_text(encoding="utf-8").splitlines(keepends=True)
    # An index of an earlier version, without the digest that would tell of the loss.
    shorter.write_text("".join(lines[1:-1]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"1 clips .* in no index.*--forcerun track_faces"):
        write(artefacts, tmp_path, feature_indexes=[shorter])
