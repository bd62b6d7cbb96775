"""Several readers at a time: as many as there are, each for one caller."""

from threading import Barrier, Lock
from time import sleep

from facewave.jobs.ahead import ahead
from facewave.video import reader_pool
from facewave.video.open import measure
from facewave.video.reader_pool import ReaderPool


class Counted:
    """In place of `IsolatedReader`: counts its calls, and all that run at the same time."""

    made: list = []  # noqa: RUF012
    running, most, lock = 0, 0, Lock()

    def __init__(self, bounds):
        self.calls = 0
        Counted.made.append(self)

    def __call__(self, function, /, *, raises=(), prepare=None, **arguments):
        with Counted.lock:
            self.calls += 1
            Counted.running += 1
            Counted.most = max(Counted.most, Counted.running)
        try:
            return function(**arguments)
        finally:
            with Counted.lock:
                Counted.running -= 1


def test_threads_read_at_the_same_time_but_not_more_than_there_are_readers(monkeypatch):
    monkeypatch.setattr(reader_pool, "IsolatedReader", Counted)
    pool, meet = ReaderPool(count=2), Barrier(2, timeout=60)

    def both(number):
        meet.wait()  # two calls run at the same time, or none ends
        sleep(0.001)
        return number

    # All are begun: else a call that is overtaken may have none left to meet.
    found = list(ahead(lambda n: pool(both, number=n), range(12), threads=6, count=12))
    assert found == list(range(12))
    assert (len(Counted.made), Counted.most) == (2, 2)
    # One caller alone always gets the same one: the other needs no process.
    before = [reader.calls for reader in Counted.made]
    for number in range(4):
        pool(lambda number: number, number=number)
    assert sorted(r.calls - n for r, n in zip(Counted.made, before, strict=True)) == [0, 4]


def test_real_readers_answer_and_are_given_back_after_an_error(face_clip, tmp_path):
    pool = ReaderPool(count=1)
    for _ in range(2):
        assert pool(measure, path=tmp_path / "none.mp4").frames == -1
        assert pool(measure, path=face_clip).frames == 12
