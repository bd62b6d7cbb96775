"""What an error says about a clip: nothing, if the run or the machine is at fault.

Only its bytes may flag a clip. A fault of the run (a process that was killed or stopped, an I/O
error, want of memory) flags none: the job goes on with the other clips and fails at its end, so
that the next run tries again. An error that nobody expected flags its clip, but not many clips: the
same one in several clips is a mistake of the program, or of the machine.
"""

from __future__ import annotations

import errno
import logging
import re
from collections import defaultdict
from dataclasses import dataclass, field

_log = logging.getLogger("facewave")

# After this many clips with the same error, or with faults, it is no longer a matter of the clips.
_MOST = 3
# Nothing more can be written: no other clip would fare better.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class RunFaultError(Exception):
    """The run or the machine failed at a clip, which is not to blame; the message names both."""


class WorkerError(Exception):
    """The process that reads clips cannot work, and the clip is not the reason."""


class UnexpectedError(Exception):
    """Reading a clip raised what nobody expected: the name of the error and its message."""


class SameErrorError(Exception):
    """Several clips of a bucket failed with the same unexpected error."""


@dataclass
class ClipErrors:
    """The errors of a bucket's clips.

    Attributes:
        fatal: errors that stop the job at once.
        faults: of the run, which flag no clip.
    """

    fatal: tuple[type[Exception], ...] = ()
    faults: list[Exception] = field(default_factory=list)
    _seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def reason(self, clip: str, error: Exception) -> str | None:
        """Return why a clip is flagged; None if the error is no reason, and has been noted.

        Raises:
            Exception: the error itself, if it stops the job: a fatal one, a disk that is full, the
                third fault.
            SameErrorError: if this is the third clip with the same unexpected error.
        """
        if isinstance(error, (*self.fatal, WorkerError, ImportError)):
            raise error
        if isinstance(error, (RunFaultError, OSError, MemoryError)):
            if len(self.faults) + 1 == _MOST or getattr(error, "errno", None) in _FULL:
                raise error
            _log.error("%s: %s", clip, error)
            self.faults.append(error)
            return None
        _log.error("%s: %s", clip, error, exc_info=error)
        text = " ".join(str(error).split())
        named = type(error).__name__
        text = text or named
        clips = self._seen[_signature(text if isinstance(error, UnexpectedError) else named + text)]
        clips.append(clip)
        if len(clips) == _MOST:
            raise SameErrorError(
                f"{_MOST} clips of this bucket failed with the same error, so that it is hardly "
                f"their own: {named}: {text} (in {', '.join(clips)}). No clip is flagged for it; "
                "the log of the job holds more"
            ) from error
        return text

    def fail(self) -> None:
        """Raise the first fault, if there was any: the job must not look finished."""
        if self.faults:
            raise self.faults[0]


def _signature(text: str) -> str:
    """Return an error's text without what differs from clip to clip: numbers, paths, quotations."""
    return re.sub(r"""'[^']*'|"[^"]*"|\S*[/\\]\S*|0x[0-9a-f]+|\d+""", "", text.lower())
