"""Time and memory per rule."""

import math

import pyarrow.csv as pc
import pytest

from facewave.report.timings import read_timings, write_timings

_HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(results, name, seconds, *, memory="100.00", cpu="1.00"):
    path = results / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [seconds, "0:00:01", memory, "1", "1", "1", "0", "0", "0", cpu]
    path.write_text(_HEAD + "\t".join(cells) + "\n")


@pytest.fixture
def results(tmp_path):
    job(tmp_path, "d/benchmarks/track_faces/0000.tsv", "10.0", memory="200.5", cpu="8.0")
    job(tmp_path, "d/benchmarks/track_faces/0001.tsv", "30.0", memory="150.0", cpu="20.0")
    job(tmp_path, "d/benchmarks/track_faces/0002.tsv", "20.0", memory="NA", cpu="NA")
    job(tmp_path, "d/benchmarks/fit_mlp/loso/fold-01.tsv", "5.0", memory="-")
    job(tmp_path, "predict/mine/benchmarks/track_faces/0000.tsv", "1.0")
    job(tmp_path, "benchmarks/cross_datasets.tsv", "2.0")
    (tmp_path / "d/benchmarks/fit_mlp/old.tsv").write_text("another form\n1\n")
    return tmp_path


def test_by_hand(results):
    found = read_timings(results)
    assert [(row.dataset, row.rule) for row in found] == [
        ("", "cross_datasets"),
        ("d", "track_faces"),
        ("d", "fit_mlp"),
        ("predict/mine", "track_faces"),
    ]
    track, fit = found[1:3]
    assert (track.jobs, track.seconds, track.median_seconds) == (3, 60.0, 20.0)
    assert (track.longest, track.longest_seconds) == ("0001", 30.0)
    assert (track.memory_mb, track.cpu_seconds) == (200.5, 28.0)
    assert (fit.longest, fit.jobs) == ("loso/fold-01", 1)
    assert math.isnan(fit.memory_mb)


def test_page_and_table(results, tmp_path):
    write_timings(read_timings(results), html=tmp_path / "t.html", table=tmp_path / "t.csv")
    assert pc.read_csv(tmp_path / "t.csv")["jobs"].to_pylist() == [1, 3, 1, 1]
    page = (tmp_path / "t.html").read_text()
    assert "loso/fold-01" in page
    assert "nan" not in page


def test_nothing_measured(tmp_path):
    write_timings(read_timings(tmp_path), html=tmp_path / "t.html", table=tmp_path / "t.csv")
    assert "No job has been measured yet" in (tmp_path / "t.html").read_text()
