"""What is damaged is named and, in the store, put aside; what is whole is left alone."""

import json
import random

import pytest

from facewave.storage.store import DamagedShardError, read_metadata, read_shard, write_shard
from facewave.upkeep.verify import DamageFoundError, verify_results, verify_store
from tests.upkeep.made_up_results import Results


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results")


def flip(path, seed=0):
    content = bytearray(path.read_bytes())
    # The middle of a shard is data, in front of the names and sizes at its end.
    content[len(content) // 3] ^= 1 << random.Random(seed).randrange(8)
    path.write_bytes(content)


def test_a_whole_store(results):
    found = verify_store(results.folder, results.store)
    assert found.checked == {"tracks": 6, "features": 6}
    assert not any(found.without_digest.values())
    assert "12 files read (part 1/1), all whole" in found.judge("store", report=results.folder)


def test_flipped_truncated_and_swapped_shards_are_put_aside(results, tmp_path):
    flipped, short, empty = (results.shard("tracks", clip) for clip in ("c0", "c1", "c3"))
    one, other = (results.shard("features", clip) for clip in ("c2", "c4"))
    whole = results.files() - {flipped, short, empty, one, other}
    flip(flipped)
    short.write_bytes(short.read_bytes()[:-30])
    empty.write_bytes(b"")
    swapped = one.read_bytes(), other.read_bytes()
    one.write_bytes(swapped[1])
    other.write_bytes(swapped[0])
    with pytest.raises(DamagedShardError, match="it is the shard of another key"):
        read_shard(one)
    with pytest.raises(DamagedShardError, match="it is the shard of another key"):
        read_metadata(other)
    found = verify_store(results.folder, results.store)
    assert {entry["path"] for entry in found.damaged} == set(
        map(str, (flipped, short, empty, one, other))
    )
    for path in (flipped, short, empty, one, other):
        assert not path.exists()
        assert (results.store / "damaged" / path.parts[-3] / path.name).exists()
    # The indexes that name them are gone, and nothing else.
    dropped = {results.dataset / name for name in ("tracks/0000.tsv", "tracks/0001.tsv")}
    dropped.add(results.dataset / "features/0000.tsv")
    assert {results.folder / path for path in found.dropped} == dropped
    assert whole - dropped <= results.files()
    found.write(tmp_path / "verify.json")
    written = json.loads((tmp_path / "verify.json").read_text())
    assert {entry["datasets"][0] for entry in written["damaged"]} == {"small"}
    with pytest.raises(DamageFoundError, match=r"5 damaged, 0 that could not be read"):
        found.judge("store", report=tmp_path)
    again = verify_store(results.folder, results.store)
    assert (again.damaged, sum(again.checked.values())) == ([], 7)


def test_old_features_that_were_exchanged_are_told_by_their_trajectories(results):
    one, other = (results.shard("features", clip) for clip in ("c2", "c4"))
    for path, clip in ((one, "c4"), (other, "c2")):
        # Written under a name that is no key, as by earlier versions: it holds none.
        write_shard(results.folder / "old", {}, {"track_key": results.shard("tracks", clip).stem})
        (results.folder / "old").replace(path)
    found = verify_store(results.folder, results.store)
    assert {entry["path"] for entry in found.damaged} == {str(one), str(other)}
    assert found.damaged[0]["problem"].startswith("it is made of another trajectory")


def test_parts_are_all_of_the_store_and_do_not_overlap(results):
    parts = [verify_store(results.folder, results.store, part=f"{k}/3") for k in (1, 2, 3)]
    assert sum(sum(found.checked.values()) for found in parts) == 12
    assert max(sum(found.checked.values()) for found in parts) < 12


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "a/b"])
def test_no_part(results, part):
    with pytest.raises(ValueError, match="expected k/n"):
        verify_store(results.folder, results.store, part=part)


def test_results_outside_the_store(results):
    (results.dataset / "a.json").write_text('{"a": 1')
    old = results.dataset / "tracks/0001.tsv"
    old.write_text("".join(old.read_text().splitlines(keepends=True)[1:]))
    lost = results.dataset / "features/0000.tsv"
    lost.write_text("".join(lost.read_text().splitlines(keepends=True)[:-1]))
    found = verify_results(results.folder)
    problems = {entry["path"]: entry["problem"] for entry in found.damaged}
    assert set(problems) == {str(results.dataset / "a.json"), str(lost)}
    assert problems[str(lost)].startswith("damaged or edited")
    assert "remove the file and run the same command again" in problems[str(lost)]
    # Key files are compared with what they are made of whenever the workflow starts.
    assert found.without_digest["tsv"] == 1 + 2
