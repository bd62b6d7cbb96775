"""What a running workflow reads: planning for another command must not change it.

The key files are written while the Snakefile is read, in a dry run as well, since their dates and
contents are what Snakemake compares. So another command beside a run would change the inputs of
that run's jobs. Snakemake lists these in its locks, which lie in the run's working folder. What
only looks, such as a dry run, leaves every key file that there is as it is, whoever reads it and
whether or not it may be written: what changed is seen by the digests in the jobs' `params`.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from facewave.storage.tables import write_text_if_changed

_LOCKS = Path(".snakemake") / "locks"
# Commands of Snakemake that run no job; they can be written as one word with short flags before.
_LOOKS = re.compile(
    r"-[Ffkp]*n[Fkpf]*|--dry-?run|--unlock|--(d3)?dag|--rulegraph|--filegraph|--(detailed-)?summary"
    r"|-[lSD]|--lint|--list.*|--report|--archive|--cleanup-metadata|--generate-unit-tests"
)


class RunningError(ValueError):
    """Another run reads what this command would change; the message says what to do."""


def only_looks(arguments: Sequence[str]) -> bool:
    """Return whether a command of Snakemake runs no job: a dry run, `--unlock`, a list."""
    return any(_LOOKS.fullmatch(argument.partition("=")[0]) for argument in arguments)


class KeyFiles:
    """Writes the key files of one dataset, unless a running workflow reads them.

    Attributes:
        digests: of what belongs into each file that `write` was called for.
    """

    def __init__(self, folder: Path, *, looks: bool = False, locks: Path = _LOCKS) -> None:
        """Look at the locks, once.

        Args:
            folder: of the dataset's key files
            looks: whether the command leaves files that there are as they are, see `only_looks`
            locks: Snakemake's folder of locks
        """
        self.digests: dict[Path, str] = {}
        self._looks = looks
        self._read = any(_below(path, folder) for path in _locked(locks))

    def write(self, path: Path, text: str) -> bool:
        """Bring a key file up to date; return whether it may be touched.

        Raises:
            RunningError: its content would change, and a running workflow reads it
        """
        self.digests[path] = _digest(text.encode())
        if self._looks:
            if not path.exists():  # no run can read it; the graph cannot be built without it
                with suppress(OSError):
                    write_text_if_changed(path, text)
            return False
        if not self._read:
            write_text_if_changed(path, text)
            return True
        if not _holds(path, text):
            raise RunningError(
                f"{path}: would change, but a run that is in progress reads it. Wait until it has "
                "ended, or give this command another folder: --config results=other. If no run is "
                "in progress, one was killed: snakemake --unlock"
            )
        return False


def key_digest(path: Path) -> str | None:
    """Return the digest of a key file as it is; None if there is none."""
    try:
        return _digest(path.read_bytes())
    except OSError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _locked(locks: Path) -> Iterator[str]:
    for lock in sorted(locks.glob("*.input.lock")):
        try:
            yield from lock.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue  # the run has just ended


def _below(path: str, folder: Path) -> bool:
    return os.path.abspath(path).startswith(f"{os.path.abspath(folder)}{os.sep}")  # noqa: PTH100


def _holds(path: Path, text: str) -> bool:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read() == text
    except (FileNotFoundError, UnicodeDecodeError):
        return False
