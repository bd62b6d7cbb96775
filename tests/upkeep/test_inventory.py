"""What the store holds, by who needs it and how it was made."""

from facewave.upkeep.inventory import take_inventory
from tests.upkeep.made_up_results import Results


def test_holdings(tmp_path):
    results = Results(tmp_path / "results")
    results.shard("features", "c0", "b")
    results.shard("tracks", "c9").write_bytes(b"")
    found = take_inventory(results.folder, results.store)
    rows = {(h.datasets, h.stage): h for h in found.holdings}
    assert {name: h.shards for name, h in rows.items()} == {
        ("small", "tracks"): 6,
        ("small", "features"): 6,
        ("(nothing)", "features"): 1,
    }
    assert rows["small", "tracks"].made_with == {"default_fps": 25.0}
    assert rows["small", "tracks"].bytes == sum(
        results.shard("tracks", clip).stat().st_size for clip in results.clips
    )
    assert 1.9 < rows["small", "tracks"].newest_days < 2.1
    assert rows["(nothing)", "features"].oldest_days < 1
    assert found.unreadable == [str(results.shard("tracks", "c9"))]
    assert found.gaps == []
    assert "1 shards cannot be read: snakemake verify_store" in found.text()
