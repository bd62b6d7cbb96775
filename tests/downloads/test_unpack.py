"""Archives that hold anything: nothing is written but the clips, and only if all are right."""

import stat
import zipfile

import pytest

from facewave.downloads.unpack import UnpackError, unpack


def write(path, members, *, kinds=(), flags=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if name in dict(kinds):
                info.create_system = 3
                info.external_attr = (dict(kinds)[name] | 0o777) << 16
            file.writestr(info, data)
    if flags:
        data = bytearray(path.read_bytes())
        for at in (data.find(b"PK\x03\x04") + 6, data.find(b"PK\x01\x02") + 8):
            data[at] |= 1
        path.write_bytes(data)
    return path


def targets(root):
    return {"a.mp4": root / "deep" / "a.mp4", "b.mp4": root / "deep" / "b.mp4"}


GOOD = [("x/a.mp4", b"first"), ("y/z/b.mp4", b"second"), ("x/notes.txt", b"n"), ("x/", b"")]


def run(archive, root, most=100):
    unpack(archive, targets(root), folder=root / "half", max_bytes=most)


def test_the_clips_and_nothing_else(tmp_path):
    root = tmp_path / "root"
    run(write(tmp_path / "x.zip", GOOD), root)
    found = {p.relative_to(root).as_posix(): p for p in root.rglob("*") if p.is_file()}
    assert set(found) == {"deep/a.mp4", "deep/b.mp4"}
    assert found["deep/a.mp4"].read_bytes() == b"first"
    assert not (root / "half").exists()


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([*GOOD, ("../evil", b"")], {}, r"'../evil' has a path that leads out"),
        ([*GOOD, ("/etc/evil", b"")], {}, "leads out of the folder"),
        ([*GOOD, ("x\\..\\..\\evil", b"")], {}, "leads out of the folder"),
        ([*GOOD, ("C:/evil", b"")], {}, "leads out of the folder"),
        ([*GOOD, ("l", b"/etc")], {"kinds": [("l", stat.S_IFLNK)]}, "is a link or a device"),
        ([*GOOD, ("d", b"")], {"kinds": [("d", stat.S_IFBLK)]}, "is a link or a device"),
        (GOOD, {"flags": [1]}, "is encrypted"),
        ([*GOOD, ("other/a.mp4", b"")], {}, "holds 'a.mp4' twice"),
        (GOOD[:1], {}, "lacks 1 clips such as b.mp4"),
        ([(f"{i}", b"") for i in range(10_001)], {}, "lists 10,001 files"),
        ([("a.mp4", bytes(10**6)), ("b.mp4", b"")], {}, "larger than such an archive can hold"),
    ],
)
def test_refused(tmp_path, members, options, message):
    root = tmp_path / "root"
    archive = write(tmp_path / "x.zip", members, **options)
    with pytest.raises(UnpackError, match=message) as error:
        run(archive, root)
    assert str(error.value).startswith("x.zip: ")
    assert [path for path in root.rglob("*") if path.is_file()] == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["root", "x.zip"]


def test_damaged(tmp_path):
    archive = write(tmp_path / "x.zip", GOOD)
    data = bytearray(archive.read_bytes())
    data[data.find(b"a.mp4") + 6] ^= 0xFF
    for content in (bytes(data), bytes(data[:60]), b"", b"<html>not found</html>"):
        archive.write_bytes(content)
        with pytest.raises(UnpackError, match=r"damaged|cannot be read"):
            run(archive, tmp_path / "root")


def test_the_size_that_an_archive_states_is_not_believed(tmp_path):
    archive = write(tmp_path / "x.zip", [("a.mp4", bytes(10**6)), ("b.mp4", b"")])
    data = bytearray(archive.read_bytes())
    at = data.find(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(UnpackError):
        run(archive, tmp_path / "root")
    assert not (tmp_path / "root" / "deep").exists()
