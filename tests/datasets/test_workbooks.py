"""Workbooks: whole, or refused with the file's name, in bounded time and memory."""

import random
import zipfile

import pytest
from openpyxl import Workbook

from facewave.datasets.files import workbooks
from facewave.datasets.files.workbooks import read_workbook
from facewave.manifest.clips import ManifestError

SHEET = "xl/worksheets/sheet1.xml"


@pytest.fixture
def book(tmp_path):
    path = tmp_path / "labels.xlsx"
    made = Workbook()
    made.active.append(["order", "label", "note"])
    for number in range(20):
        made.active.append([number, 1.5, f"word {number}"])
    made.save(path)
    return path


def rewrite(book, member, change):
    """Replace a member of the archive by what `change` makes of it."""
    with zipfile.ZipFile(book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = change(parts[member])
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def refused(book):
    with pytest.raises(ManifestError) as error:
        read_workbook(book)
    assert str(book) in str(error.value)
    return str(error.value)


def test_a_whole_one(book):
    rows = read_workbook(book)
    assert rows[0] == ["order", "label", "note"]
    assert rows[3] == ["2", "1.5", "word 2"]
    assert len(rows) == 21


def test_blank_rows_are_kept_between_and_dropped_at_the_end(tmp_path):
    made = Workbook()
    made.active["B1"] = "a"
    made.active["A3"] = "b"
    made.active["A9"] = " "
    made.save(tmp_path / "b.xlsx")
    assert read_workbook(tmp_path / "b.xlsx") == [["", "a"], ["", ""], ["b", ""]]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged_has_its_name_in_the_message(book, seed):
    draw = random.Random(seed)
    data = bytearray(book.read_bytes())
    if seed % 3 == 0:
        for _ in range(draw.choice([1, 5, 20])):
            data[draw.randrange(len(data))] = draw.randrange(256)
        book.write_bytes(data)
    elif seed % 3 == 1:
        book.write_bytes(data[: draw.randrange(len(data))])
    else:
        with zipfile.ZipFile(book) as archive:
            member = draw.choice(archive.namelist())

        def change(part):
            part = bytearray(part)
            for _ in range(draw.choice([1, 2, 5])):
                part[draw.randrange(len(part))] = draw.choice(b'0123456789<>/"A')
            return bytes(part)

        rewrite(book, member, change)
    try:
        read_workbook(book)
    except ManifestError as error:
        message = str(error)
    else:
        message = str(book)
    assert str(book) in message


def test_a_row_far_down(book):
    def far(sheet):
        return sheet.replace(b'<row r="21">', b'<row r="987654321">', 1)

    rewrite(book, SHEET, far)
    assert "blank rows" in refused(book)


def test_a_cell_far_to_the_right(book, monkeypatch):
    rewrite(book, SHEET, lambda sheet: sheet.replace(b'r="C21"', b'r="ZZZ21"', 1))
    assert len(read_workbook(book)[0]) == 18278
    monkeypatch.setattr(workbooks, "MOST_CELLS", 100_000)
    assert "more than 100,000 cells" in refused(book)


def test_a_sheet_that_is_wrong_about_its_size(book):
    whole = read_workbook(book)
    rewrite(book, SHEET, lambda sheet: sheet.replace(b'ref="A1:C21"', b'ref="A1"', 1))
    assert read_workbook(book) == whole


def test_too_many_cells(book, monkeypatch):
    monkeypatch.setattr(workbooks, "MOST_CELLS", 30)
    assert "more than 30 cells" in refused(book)


def test_an_archive_that_announces_too_much_is_not_unpacked(book, monkeypatch):
    rewrite(book, SHEET, lambda part: part + b" " * 10 * 2**20)
    assert book.stat().st_size < 100_000
    monkeypatch.setattr(workbooks, "MOST_BYTES", 2**20)
    monkeypatch.setattr(workbooks, "_rows", lambda path: pytest.fail("unpacked"))
    message = refused(book)
    assert "unpacks to 10 MiB, expected at most 1 MiB" in message
    assert "save the table as .csv" in message


def test_nothing_there(tmp_path):
    assert "No such file" in refused(tmp_path / "gone.xlsx")
