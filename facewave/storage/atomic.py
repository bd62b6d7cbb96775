"""Files that appear whole or not at all."""

import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL, ENOTSUP
from pathlib import Path
from typing import Any

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp(\.\w+)?")


def is_temporary(name: str) -> bool:
    """Return whether a file bears the name of one that was not finished, see `atomic_path`."""
    return _TEMPORARY.fullmatch(name) is not None


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path` that replaces `path` on success.

    The folder is made if it is missing. When the block raises, the temporary file is removed
    and `path` keeps what it had.

    Args:
        path: the file to write
        sync: whether to wait until the bytes are on the disk before the file gets its name, and
            the name after that. Without it, a power loss can leave the name without the bytes,
            which is acceptable only for files that are checked when read; waiting takes as long
            as tracking several frames.

    Returns:
        the path to write to, with the same suffix: some writers choose the format by it
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two machines that share the folder can have the same process id: hence a random name.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        yield temporary
        if sync:
            with temporary.open("r+b") as handle:
                os.fsync(handle.fileno())
        temporary.replace(path)
        if sync:
            _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems sync no folders: there the server decides.
        if error.errno not in (EINVAL, ENOTSUP):
            raise
    finally:
        os.close(handle)


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Write text atomically; `sync` as for `atomic_path`."""
    with atomic_path(path, sync=sync) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON with sorted keys, an indent of two and a newline at the end.

    Raises:
        ValueError: `value` holds NaN or infinity, which JSON does not have
    """
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")
