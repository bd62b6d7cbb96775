"""Pruning removes what it can prove that nothing needs, and refuses in every other case."""

import pytest

from facewave.storage.key_index import key_index, write_key_index
from facewave.storage.store import is_whole
from facewave.upkeep.prune import UnfinishedError, prune_store
from tests.upkeep.made_up_results import Results


@pytest.fixture
def results(tmp_path):
    return Results(tmp_path / "results")


def prune(results, **options):
    return prune_store(results.folder, results.store, **{"apply": True, **options})


def refused(results, text):
    before = results.files()
    with pytest.raises(UnfinishedError, match=text):
        prune(results)
    assert results.files() == before


def test_a_finished_run_loses_nothing(results):
    before = results.files()
    found = prune(results)
    assert (found.removed, found.kept, found.young) == ((), 12, 0)
    assert results.files() == before


def test_other_options_leave_shards_that_go_when_they_are_a_day_old(results):
    old = {results.shard("features", clip) for clip in results.clips}
    for bucket in ("0000", "0001"):
        results.encode(bucket, options="b")
    assert set(prune(results, apply=False).removed) == old
    assert all(path.exists() for path in old), "showing must remove nothing"
    assert set(prune(results).removed) == old
    assert not any(path.exists() for path in old)
    assert prune(results).removed == ()


def test_what_nothing_needs_stays_for_a_day(results):
    results.shard("features", "c0", "new")
    found = prune(results)
    assert (found.removed, found.young) == ((), 1)


def test_a_shard_that_a_job_has_just_found_stays(results):
    found_again = results.shard("features", "c0", "set back")
    results.age()
    assert is_whole(found_again)
    assert prune(results).removed == ()


def test_another_number_of_buckets(results):
    """Key files of two buckets more, all clips are in old indexes: nothing that is named goes."""
    for bucket, clips in (("0000", ["c0", "c5"]), ("0001", ["c1"]), ("0002", ["c2", "c3", "c4"])):
        results.plan(bucket, clips)
    assert prune(results).removed == ()


@pytest.mark.parametrize("stage", ["tracks", "features"])
@pytest.mark.parametrize("buckets", [("0000",), ("0000", "0001")])
def test_a_killed_run_has_no_index(results, stage, buckets):
    """Snakemake removes the outputs of jobs that were killed; their logs stay."""
    log = {"tracks": "track_faces", "features": "encode_features"}[stage]
    for bucket in buckets:
        (results.dataset / stage / f"{bucket}.tsv").unlink()
        (results.dataset / "logs" / log).mkdir(parents=True, exist_ok=True)
        (results.dataset / "logs" / log / f"{bucket}.log").touch()
    refused(results, rf"small/{stage}: {3 * len(buckets)} clips have no index row.*snakemake|run")


def test_a_clip_that_changed_or_was_added(results):
    results.plan("0000", [*results.of("0000"), "new"])
    refused(results, r"tracks: 1 clips have no index row, or one of another state \(such as new\)")


def test_trajectories_were_made_anew_but_not_coded(results):
    results.track("0001", options="b")
    refused(results, r"features: 3 clips have no index row")


def test_a_variant_that_is_half_done(results):
    for bucket in ("0000", "0001"):
        results.encode(bucket, options="wide", folder="ablation/wide/features")
    results.age()
    assert prune(results).removed == ()
    (results.dataset / "ablation/wide/features/0001.tsv").unlink()
    refused(results, "ablation/wide/features: 3 clips")


def test_a_damaged_index(results):
    path = results.dataset / "features/0000.tsv"
    path.write_bytes(path.read_bytes().replace(b"c2", b"c3"))
    refused(results, r"0000\.tsv: damaged or edited")


@pytest.mark.parametrize("other", ["other", "predict/mine"])
def test_another_dataset_is_not_forgotten(results, other):
    Results(results.folder, clips=8, dataset=other)
    results.age()
    assert prune(results).removed == ()
    (results.folder / other / "tracks/0001.tsv").unlink()
    refused(results, f"{other}/tracks: 4 clips")


def test_a_store_that_other_results_may_share(results, tmp_path):
    results.store.rename(tmp_path / "shared_store")
    results.store.symlink_to(tmp_path / "shared_store")
    refused(results, "is a link")


def test_left_overs_of_killed_jobs_go(results):
    inside = results.store / "tracks/ab/.half.npz.0123456789ab.tmp.npz"
    outside = results.dataset / "splits/x/.train.parquet.0123456789ab.tmp.parquet"
    aside = results.store / "damaged/tracks" / results.shard("tracks", "gone").name
    kept = results.dataset / "splits/x/.hidden"
    for path in (inside, outside, aside, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    results.shard("tracks", "gone").unlink()
    assert prune(results).removed == ()
    results.age()
    assert set(prune(results).removed) == {inside, outside, aside}
    assert kept.exists()


def test_what_a_job_names_beside_the_buckets_stays(results):
    """Features of everybody in the videos of `predict`."""
    named, other = (results.shard("features", "c0", f"person {n}") for n in (1, 2))
    index = key_index(results.folder / "predict/mine", "features", "people/0000")
    write_key_index(index, [("c0", named.stem)])
    results.age()
    assert prune(results).removed == (other,)
    assert named.exists()
