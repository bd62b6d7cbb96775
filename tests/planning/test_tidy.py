"""Dates in the future come back, left-overs go, and everything else stays as it is."""

import os
import time

import pytest

from facewave.planning.tidy import tidy
from tests.datasets.release_trees import put

LEFT_OVER = ".train.parquet.0123456789ab.tmp.parquet"


def date(path, days):
    put(path)
    then = time.time() + days * 24 * 3600
    os.utime(path, (then, then))
    return path


def test_dates_in_the_future(tmp_path, capsys):
    ahead = [
        date(tmp_path / name, 400) for name in ("tracks/0.tsv", "mlp/a/b/x.pt", "frames/0.tsv")
    ]
    others = [
        date(tmp_path / name, days) for name, days in (("frames/clip.csv", 400), ("a.tsv", -3))
    ]
    before = [path.stat().st_mtime for path in others]
    tidy(tmp_path)
    dates = {path.stat().st_mtime for path in ahead}
    assert len(dates) == 1, "none may look newer than another"
    assert abs(dates.pop() - time.time()) < 100
    assert [path.stat().st_mtime for path in others] == before
    assert "3 files were dated in the future" in capsys.readouterr().err
    tidy(tmp_path)
    assert capsys.readouterr().err == ""


def test_left_overs(tmp_path):
    old, young = date(tmp_path / "a" / LEFT_OVER, -2), date(tmp_path / "b" / LEFT_OVER, -0.5)
    kept = date(tmp_path / ".mine.tsv", -2)
    tidy(tmp_path)
    assert (old.exists(), young.exists(), kept.exists()) == (False, True, True)


def test_a_folder_that_is_not_there(tmp_path):
    tidy(tmp_path / "none")


@pytest.mark.parametrize("name", ["tracks/0.tsv", f"tracks/{LEFT_OVER}"])
def test_what_may_not_be_changed_stays(tmp_path, monkeypatch, name):
    path = date(tmp_path / name, -2 if LEFT_OVER in name else 400)

    def refuse(*_, **__):
        raise PermissionError

    for call in ("utime", "unlink"):
        monkeypatch.setattr(os, call, refuse)
    tidy(tmp_path)
    assert path.exists()
