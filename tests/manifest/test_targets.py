"""The table of targets beside the manifest: what is in it, and how it is read."""

import pyarrow as pa
import pyarrow.parquet as pq

from facewave.manifest.clips import Clip
from facewave.manifest.targets import read_targets, targets_of, write_targets

GIVEN = {
    "a": (("valence", 1.5), ("arousal", -2.0)),
    "b": (("arousal", 3.0),),
    "c": (("arousal", 0.001), ("valence", 0.0)),
    "d": None,
}
CLIPS = [
    Clip(name, f"{name}.mp4", index, 0, "happy", targets=targets)
    for index, (name, targets) in enumerate(GIVEN.items())
]


def test_the_table_has_one_row_per_clip_that_has_any(tmp_path):
    path = tmp_path / "new" / "targets.parquet"
    write_targets(targets_of(CLIPS), path)
    expected = {"clip_id": list("abc"), "arousal": [-2.0, 3.0, 0.001], "valence": [1.5, None, 0.0]}
    found = pq.read_table(path)
    assert found.to_pydict() == expected
    assert found.schema.types == [pa.string(), pa.float64(), pa.float64()]


def test_targets_come_in_the_order_that_is_asked(tmp_path):
    path = tmp_path / "t.parquet"
    write_targets(targets_of(CLIPS), path)
    assert read_targets(path, ["arousal", "valence"]) == {"a": (-2.0, 1.5), "c": (0.001, 0.0)}
    assert read_targets(path, ["valence", "arousal"])["a"] == (1.5, -2.0)
    assert read_targets(path, ["arousal"]).keys() == {"a", "b", "c"}


def test_equal_targets_give_equal_bytes(tmp_path):
    other = [Clip("a", "a.mp4", 0, 0, "happy", targets=GIVEN["a"][::-1]), *CLIPS[1:]]
    for name, clips in (("1", CLIPS), ("2", other)):
        write_targets(targets_of(clips), tmp_path / name)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
