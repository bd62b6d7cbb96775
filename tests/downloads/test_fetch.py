"""Downloads from a server on this machine: whole, broken, killed, wrong, without room."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections import namedtuple
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from facewave.downloads import fetch
from facewave.downloads.fetch import DownloadError, download
from facewave.downloads.release import downloaded, missing_parts
from tests.downloads.file_server import serve
from tests.downloads.small_release import (
    CLIPS,
    archive,
    archive_part,
    content,
    release,
    single_part,
)

KEPT = 1 << 15  # bytes, a whole number of chunks
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server():
    with serve({f"part_{actor}.zip": archive(actor) for actor in (1, 2)}) as files:
        yield files


@pytest.fixture
def small(server):
    return release(server.url, [archive_part(a, archive(a)) for a in (1, 2)])


def get(small, root, **options):
    download(small, missing_parts(small, videos(root)), root, pause=0.001, **options)


def videos(root):
    return [p.relative_to(root).as_posix() for p in root.rglob("*.*") if ".facewave" not in str(p)]


def assert_whole(small, root):
    for part in small.parts:
        for clip, name in zip(part.clips, CLIPS, strict=True):
            assert (root / clip).read_bytes() == content(part.actor, name)
    assert missing_parts(small, videos(root)) == ()
    # Archives and what was half there are gone.
    assert {path.suffix for path in (root / ".facewave").iterdir()} == {".json"}


class TestWhole:
    def test_everything_is_in_place_and_asked_for_once(self, small, server, tmp_path):
        get(small, tmp_path / "new" / "root")
        assert_whole(small, tmp_path / "new" / "root")
        assert server.asked == [("part_1.zip", 0), ("part_2.zip", 0)]

    def test_what_is_there_is_used(self, small, server, tmp_path):
        get(small, tmp_path)
        get(small, tmp_path)
        assert len(server.asked) == 2
        other = tmp_path / "unpacked_by_hand"
        for part in small.parts[:1]:
            for clip in part.clips:
                (other / "somewhere").mkdir(parents=True, exist_ok=True)
                (other / "somewhere" / Path(clip).name).write_bytes(b"mine")
        get(small, other)
        assert server.asked[2:] == [("part_2.zip", 0)]
        assert {p.read_bytes() for p in (other / "somewhere").iterdir()} == {b"mine"}

    def test_a_removed_clip_comes_back_and_others_stay(self, small, tmp_path):
        get(small, tmp_path)
        lost, kept = (tmp_path / clip for clip in small.parts[0].clips[:2])
        before = kept.stat()
        lost.unlink()
        get(small, tmp_path)
        assert_whole(small, tmp_path)
        assert kept.stat().st_mtime_ns == before.st_mtime_ns
        assert len(dict(downloaded(tmp_path, small.parts))) == 6

    def test_single_files(self, tmp_path):
        data = {name: content(7, name) for name in CLIPS}
        with serve(data) as files:
            small = release(files.url, [single_part(7, data)])
            get(small, tmp_path)
            assert [name for name, _ in files.asked] == list(CLIPS)
        assert {p.name: p.read_bytes() for p in (tmp_path / "clips").iterdir()} == data
        prints = dict(downloaded(tmp_path, small.parts))
        assert prints["clips/a.mp4"] == small.parts[0].files[0].checksum
        (tmp_path / "clips/a.mp4").write_bytes(b"replaced")
        assert set(dict(downloaded(tmp_path, small.parts))) == {"clips/b.mp4", "clips/c.mp4"}


class TestBroken:
    def test_every_byte_is_sent_once(self, small, server, tmp_path):
        server.most = KEPT
        get(small, tmp_path)
        assert_whole(small, tmp_path)
        size = small.parts[0].files[0].size
        asked = [start for name, start in server.asked if name == "part_1.zip"]
        assert asked == list(range(0, size, KEPT))

    def test_a_server_without_ranges(self, small, server, tmp_path):
        server.ranges = False
        work = tmp_path / ".facewave"
        work.mkdir()
        file = small.parts[0].files[0]
        (work / f"{file.name}.{file.checksum[-12:]}.part").write_bytes(archive(1)[:30_000])
        get(small, tmp_path)
        assert_whole(small, tmp_path)

    def test_busy_servers_are_asked_again(self, small, server, tmp_path):
        server.refuse = [503, 429, 502]
        get(small, tmp_path)
        assert_whole(small, tmp_path)

    def test_what_has_arrived_is_kept_when_it_gives_up(self, small, server, tmp_path):
        server.most = KEPT
        # The second answer and those after it carry nothing.
        server.refuse = [0, 503, 503, 503, 503]
        with pytest.raises(DownloadError, match=r"503.*what has arrived is kept"):
            get(small, tmp_path, tries=3)
        server.refuse, server.most = [], None
        server.asked.clear()
        get(small, tmp_path)
        assert_whole(small, tmp_path)
        assert server.asked[0] == ("part_1.zip", KEPT)

    def test_killed_and_resumed(self, small, server, tmp_path):
        server.pause = 0.02
        code = f"""
            from pathlib import Path
            from facewave.downloads.fetch import download
            from tests.downloads.small_release import archive, archive_part, release
            small = release({server.url!r}, [archive_part(a, archive(a)) for a in (1, 2)])
            download(small, small.parts, Path({str(tmp_path)!r}))
        """
        command = [sys.executable, "-c", textwrap.dedent(code)]
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
        end = time.monotonic() + 60
        while not any(p.stat().st_size >= KEPT for p in tmp_path.glob(".facewave/part_1*.part")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert videos(tmp_path) == []
        server.pause = 0.0
        server.asked.clear()
        get(small, tmp_path)
        assert_whole(small, tmp_path)
        name, start = server.asked[0]
        assert name == "part_1.zip"
        assert start >= KEPT

    def test_a_server_that_sends_drop_by_drop_is_left(self, small, server, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch, "_PATIENCE", 0.05)
        monkeypatch.setattr(fetch, "_SLOWEST", 10**6)
        server.pause = 0.03
        with pytest.raises(DownloadError, match=r"bytes arrived in .* Tried 2 times"):
            get(small, tmp_path, tries=2)
        # What arrived was kept, and the second request went on with it.
        assert server.asked[1][1] > 0


class TestWrong:
    def test_https_does_not_lead_to_http(self, small, tmp_path, monkeypatch):
        real = requests.Session.get

        def get_(session, url, **options):
            answer = real(session, url, **options)
            answer.history = [SimpleNamespace(url=url.replace("http://", "https://"))]
            return answer

        monkeypatch.setattr(requests.Session, "get", get_)
        with pytest.raises(DownloadError, match=r"leads to http://.*, which is not https://"):
            get(small, tmp_path)
        assert videos(tmp_path) == []

    def test_another_checksum(self, small, server, tmp_path):
        data = bytearray(archive(2))
        data[500] ^= 1
        server.content["part_2.zip"] = bytes(data)
        with pytest.raises(DownloadError, match=r"not the file that is listed.*Ask its authors"):
            get(small, tmp_path)
        # The first part is whole and stays; of the second one nothing is left.
        assert len(videos(tmp_path)) == 3
        assert [p.name for p in (tmp_path / ".facewave").iterdir()] == ["part_1.json"]
        server.content["part_2.zip"] = archive(2)
        get(small, tmp_path)
        assert_whole(small, tmp_path)

    def test_another_size(self, small, server, tmp_path):
        server.content["part_1.zip"] += b"x"
        with pytest.raises(DownloadError, match=r"bytes; expected [\d,]+: another file"):
            get(small, tmp_path)

    def test_no_such_file(self, small, server, tmp_path):
        del server.content["part_1.zip"]
        with pytest.raises(DownloadError, match=r"answers 404 Not Found; expected a file"):
            get(small, tmp_path)
        assert len(server.asked) == 1

    def test_a_hostile_archive(self, server, tmp_path):
        import io
        import zipfile

        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            for name in CLIPS:
                file.writestr(f"../1{name}", b"x")
        server.content["part_1.zip"] = buffer.getvalue()
        small = release(server.url, [archive_part(1, buffer.getvalue())])
        with pytest.raises(DownloadError, match=r"part_1.zip: its member '../1a.mp4' has a path"):
            get(small, tmp_path / "root")
        assert list(tmp_path.iterdir()) == [tmp_path / "root"]
        assert videos(tmp_path / "root") == []

    def test_a_folder_that_leads_elsewhere(self, small, server, tmp_path):
        root, other = tmp_path / "root", tmp_path / "other"
        root.mkdir()
        other.mkdir()
        (root / "part_1").symlink_to(other)
        with pytest.raises(DownloadError, match="a link out of the dataset's root"):
            get(small, root)
        assert list(other.iterdir()) == []
        assert server.asked == []


class TestRoom:
    def test_too_little_room_is_told_before_anything_is_asked_for(
        self, small, server, tmp_path, monkeypatch
    ):
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(9, 0, 9))
        with pytest.raises(DownloadError, match=r"are needed and 0.0 MB are free"):
            get(small, tmp_path)
        assert server.asked == []

    @pytest.mark.parametrize("where", ["transfer", "unpack"])
    def test_a_disk_that_fills_up(self, small, server, tmp_path, monkeypatch, where):
        def full(*args, **options):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            if where == "unpack":
                patch.setattr(fetch, "unpack", full)
            else:
                patch.setattr(fetch._Resuming, "_go_on", full)
            with pytest.raises(DownloadError, match=r"the disk is full.*what has arrived is kept"):
                get(small, tmp_path)
        assert videos(tmp_path) == []
        get(small, tmp_path)
        assert_whole(small, tmp_path)
        # A whole archive is not transferred again.
        assert server.asked.count(("part_1.zip", 0)) == 1


def test_the_address_is_quoted(tmp_path):
    data = {"a b.mp4": b"x" * 10}
    with serve({"a%20b.mp4": data["a b.mp4"]}) as files:
        part = single_part(1, data)
        get(replace(release(files.url, [part])), tmp_path)
    assert (tmp_path / "clips" / "a b.mp4").read_bytes() == data["a b.mp4"]
