"""What a running workflow reads: planning for another command must not change it.

The key files are written while the Snakefile is read, in a dry run as well, since their dates and
contents are what Snakemake compares. So `snakemake -n` with other options, beside a run, would
change the inputs of that run's jobs. Snakemake lists the inputs of a run in its locks.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from facewave.storage.tables import write_text_if_changed

_LOCKS = Path(".snakemake") / "locks"


class RunningError(ValueError):
    """Another run reads what this command would change; the message says what to do."""


class KeyFiles:
    """Writes the key files of one dataset, unless a running workflow reads them."""

    def __init__(self, folder: Path, *, unlocks: bool = False, locks: Path = _LOCKS) -> None:
        """Look at the locks, once.

        Args:
            folder: of the dataset's key files
            unlocks: whether the command is `--unlock`, which leaves the files as they are
            locks: Snakemake's folder of locks
        """
        self._unlocks = unlocks
        self._read = any(_below(path, folder) for path in _locked(locks))

    def write(self, path: Path, text: str) -> bool:
        """Bring a key file up to date; return whether it may be touched.

        Raises:
            RunningError: its content would change, and a running workflow reads it
        """
        if not self._read:
            write_text_if_changed(path, text)
            return True
        if not self._unlocks and not _holds(path, text):
            raise RunningError(
                f"{path}: would change, but a run that is in progress reads it. Wait until it has "
                "ended, or give this command another folder: --config results=other. If no run is "
                "in progress, one was killed: snakemake --unlock"
            )
        return False


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
