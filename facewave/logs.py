"""Where a job's words go: its own log file, what its C libraries print included."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def job_log(path: Path | str | None) -> Iterator[None]:
    """Send stderr, as C libraries see it too, and facewave's log to a file for a while.

    An exception is written to the log as well and goes on.

    Args:
        path: the log file; None leaves everything where it is.
    """
    if path is None:
        yield
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("GLOG_minloglevel", "2")
    sys.stderr.flush()
    with Path(path).open("w", encoding="utf-8", buffering=1) as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        logger = logging.getLogger("facewave")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        except BaseException:
            traceback.print_exc(file=file)
            raise
        finally:
            logger.removeHandler(handler)
            logger.setLevel(level)
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
