"""Errors of a bucket's clips: which flag one, which stop the job, which are noted."""

import errno

import pytest

from facewave.jobs.clip_errors import ClipErrors, RunFaultError, SameErrorError, WorkerError


def test_the_same_error_in_three_clips_stops_whatever_numbers_and_paths_it_names():
    errors = ClipErrors()
    assert errors.reason("a", RuntimeError("frame 7 of /data/a.mp4 failed")) is not None
    assert errors.reason("b", ValueError("frame 7 of /data/a.mp4 failed")) is not None
    assert errors.reason("b", RuntimeError("frame 12 of /other/b.mp4 failed")) is not None
    with pytest.raises(SameErrorError, match=r"in a, b, c"):
        errors.reason("c", RuntimeError("frame 3 of c/d failed"))


def test_different_errors_flag_their_clips():
    errors = ClipErrors()
    texts = ["no rows", "no columns", "no frames", "no times"]
    assert [errors.reason("x", ValueError(text)) for text in texts] == texts
    assert errors.reason("x", ZeroDivisionError()) == "ZeroDivisionError"
    errors.fail()


@pytest.mark.parametrize(
    "error", [RunFaultError("killed"), OSError(errno.EIO, "I/O"), MemoryError(), TimeoutError()]
)
def test_faults_flag_no_clip_and_are_told_at_the_end(error):
    errors = ClipErrors()
    assert errors.reason("a", error) is None
    assert errors.reason("b", error) is None
    with pytest.raises(type(error)):
        errors.fail()
    with pytest.raises(type(error)):
        errors.reason("c", error)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), WorkerError("no worker"), ImportError("no module")]
)
def test_what_stops_at_once(error):
    with pytest.raises(type(error)):
        ClipErrors().reason("a", error)
    with pytest.raises(KeyError):
        ClipErrors(fatal=(KeyError,)).reason("a", KeyError("fatal"))
