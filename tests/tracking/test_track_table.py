import numpy as np
import pytest

from facewave.face.channels import Channels
from facewave.landmark_tables.layout import TrackTableError
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.storage.store import read_shard
from facewave.tracking.bucket_tables import BucketTables
from facewave.tracking.track_table import write_table_track
from facewave.tracking.trajectory import open_trajectory
from tests.landmark_tables.tracker_tables import (
    OPENFACE_UNITS,
    PY_FEAT_UNITS,
    faces_68,
    openface_text,
    plain_table,
    py_feat_text,
    write_csv,
)

UNITS = np.linspace(0, 5, len(OPENFACE_UNITS))


def tracked(path, tmp_path, *, clip=None, fps=25.0, **options):
    options = TrackTable(**options)
    rows = LandmarkTable(path, options).rows(clip)
    shard = tmp_path / "shard.npz"
    write_table_track(rows, shard, options=options, fps=fps, provenance={"table": {}})
    return open_trajectory(shard)


def dense(clip, name):
    return np.concatenate(list(clip.iter(name)))


def openface(tmp_path, rows):
    path = tmp_path / "openface.csv"
    path.write_text(openface_text(rows))
    return path


def test_openface_with_lost_frames_and_low_confidence(tmp_path):
    flat, space = faces_68(6)
    zeros = np.zeros((68, 2)), np.zeros((68, 3))
    rows = [
        (1, 0, 0.0, 0.98, 1, flat[0], space[0], UNITS),
        (2, 0, 0.04, 0.03, 0, *zeros, UNITS),  # lost: zeros
        (3, 0, 0.08, 0.3, 1, flat[2], space[2], UNITS),  # unsure
        # 4 was never written
        (5, 0, 0.16, 0.88, 1, flat[4], space[4], UNITS),
        (6, 0, 0.2, 0.98, 1, flat[5], space[5], UNITS),
    ]
    clip = tracked(openface(tmp_path, rows), tmp_path, size=(640, 480))
    assert clip.channels == Channels("dlib_68", 2, False, OPENFACE_UNITS)
    assert clip.from_table
    assert clip.timestamp_ms.tolist() == [0, 40, 80, 120, 160, 200]
    assert clip.detected.tolist() == [True, False, False, False, True, True]
    assert (clip.width, clip.height, clip.fps) == (640, 480, pytest.approx(25))
    assert (clip.announced, clip.decoded, clip.error, clip.notes) == (6, 6, "", "")
    points = dense(clip, "landmarks") * [640, 480]
    np.testing.assert_allclose(points[[0, 4, 5]], flat[[0, 4, 5]], atol=0.06)
    np.testing.assert_allclose(dense(clip, "action_units")[0], UNITS, atol=0.006)
    unsure = tracked(openface(tmp_path, rows), tmp_path, min_confidence=0.2)
    assert unsure.detected.tolist() == [True, False, True, False, True, True]


def test_openface_in_space_is_millimetres_without_a_picture(tmp_path):
    flat, space = faces_68(2)
    rows = [(i + 1, 0, i / 25, 0.98, 1, flat[i], space[i], UNITS) for i in range(2)]
    clip = tracked(
        openface(tmp_path, rows), tmp_path, dimensions=3, size=(640, 480), action_units=False
    )
    assert clip.channels == Channels("dlib_68", 3, False)
    assert (clip.width, clip.height) == (1, 1)
    np.testing.assert_allclose(dense(clip, "landmarks"), space, atol=0.06)


def test_of_several_people_the_one_in_the_middle_is_followed(tmp_path):
    middle, space = faces_68(4)
    side, _ = faces_68(4, x=90.0, seed=1)
    rows = []
    for i in range(4):  # in either order
        faces = [(7, middle[i]), (0, side[i])]
        rows += [
            (i + 1, face, i / 25, 0.98, 1, flat, space[i], UNITS)
            for face, flat in (faces if i % 2 else faces[::-1])
        ]
    clip = tracked(openface(tmp_path, rows), tmp_path, size=(640, 480))
    assert clip.face_count.tolist() == [2, 2, 2, 2]
    np.testing.assert_allclose(dense(clip, "landmarks") * [640, 480], middle, atol=0.06)


def test_py_feat_links_faces_by_place_and_keeps_lost_frames(tmp_path):
    middle, side = faces_68(4)[0], faces_68(4, x=90.0, seed=1)[0]
    units = np.linspace(0, 1, len(PY_FEAT_UNITS))
    rows = [
        (0, 0.9, side[0], units), (0, 0.99, middle[0], units),
        (1, 0.99, middle[1], units), (1, 0.9, side[1], units),
        (2, None, middle[2], units),
        (3, 0.99, middle[3], units), (3, 0.9, side[3], units),
    ]  # fmt: skip
    path = tmp_path / "fex.csv"
    path.write_text(py_feat_text(rows))
    clip = tracked(path, tmp_path, fps=30.0, size=(640, 480))
    assert clip.detected.tolist() == [True, True, False, True]
    assert clip.face_count.tolist() == [2, 2, 0, 2]
    assert clip.timestamp_ms.tolist() == [0, 33, 67, 100]
    assert "30 frames per second assumed" in clip.notes
    assert clip.channels.action_units == PY_FEAT_UNITS
    points = dense(clip, "landmarks") * [640, 480]
    np.testing.assert_allclose(points[[0, 1, 3]], middle[[0, 1, 3]], atol=1e-3)


def test_every_tenth_frame_is_ten_frames_apart_in_time(tmp_path):
    flat = faces_68(4)[0]
    path = tmp_path / "fex.csv"
    units = np.zeros(len(PY_FEAT_UNITS))
    path.write_text(py_feat_text([(10 * i, 0.9, flat[i], units) for i in (0, 1, 3)]))
    clip = tracked(path, tmp_path, fps=25.0)
    assert clip.timestamp_ms.tolist() == [0, 400, 800, 1200]
    assert clip.detected.tolist() == [True, True, False, True]
    assert clip.fps == pytest.approx(2.5)


def test_pictures_in_a_folder_have_no_times(tmp_path):
    """OpenFace writes the same timestamp for every picture of a folder."""
    flat, space = faces_68(3)
    rows = [(i + 1, 0, 0.0, 0.98, 1, flat[i], space[i], UNITS) for i in range(3)]
    assert tracked(openface(tmp_path, rows), tmp_path).timestamp_ms.tolist() == [0, 40, 80]


def test_true_times_are_kept_and_those_of_left_out_frames_are_between(tmp_path):
    flat = faces_68(3)[0]
    path = tmp_path / "t.csv"
    header, rows = plain_table({"landmarks": flat}, width=640, height=480, times=[10, 50, 190])
    rows[:, 0] = [3, 4, 6]
    write_csv(path, header, rows)
    assert tracked(path, tmp_path).timestamp_ms.tolist() == [0, 40, 110, 180]
    # Without numbers of frames the times say what there is.
    write_csv(path, header[1:], rows[:, 1:])
    assert tracked(path, tmp_path).timestamp_ms.tolist() == [0, 40, 180]
    assert tracked(path, tmp_path).fps == pytest.approx(2 / 0.18)


def test_points_in_pixels_without_a_size_keep_their_unit(tmp_path):
    middle, side = faces_68(3)[0], faces_68(3, x=-400.0, seed=1)[0]
    path = tmp_path / "t.csv"
    header, rows = plain_table({"landmarks": np.concatenate([middle, side])}, width=1, height=1)
    rows[:, 0] = [0, 1, 2, 0, 1, 2]
    keep = [i for i, name in enumerate(header) if name not in ("width", "height")]
    write_csv(path, [header[i] for i in keep], rows[:, keep])
    clip = tracked(path, tmp_path)
    assert (clip.width, clip.height) == (1, 1)
    assert len(np.unique(clip.rows)) == 3
    boxes = read_shard(clip.shard)[0]["box"]
    assert boxes.min() == 0
    assert boxes.max() == 1


def test_mediapipe_s_points_need_the_size_of_the_picture(tmp_path):
    faces = {"landmarks": np.random.default_rng(0).random((3, 478, 3))}
    path = tmp_path / "t.csv"
    header, rows = plain_table(faces, width=200, height=100)
    write_csv(path, header, rows)
    clip = tracked(path, tmp_path)
    assert (clip.width, clip.height) == (200, 100)
    np.testing.assert_allclose(dense(clip, "landmarks"), faces["landmarks"], atol=1e-6)
    keep = [i for i, name in enumerate(header) if name not in ("width", "height")]
    write_csv(path, [header[i] for i in keep], rows[:, keep])
    with pytest.raises(TrackTableError, match=r"give its size \(`size: \[640, 480\]`"):
        tracked(path, tmp_path)
    assert tracked(path, tmp_path, size=(640, 480)).width == 640


def test_a_blank_value_is_a_lost_face_and_a_blank_column_is_named(tmp_path):
    flat, space = faces_68(3)
    rows = [(i + 1, 0, i / 25, 0.98, 1, flat[i], space[i], UNITS.copy()) for i in range(3)]
    rows[1][-1][4] = np.nan
    clip = tracked(openface(tmp_path, rows), tmp_path)
    assert clip.detected.tolist() == [True, False, True]
    for row in rows:
        row[-1][4] = np.nan
    clip = tracked(openface(tmp_path, rows), tmp_path)
    assert clip.notes == "blank in every row: AU06_r"
    assert not clip.detected.any()
    assert tracked(openface(tmp_path, rows), tmp_path, action_units=False).detected.all()


@pytest.mark.parametrize(
    ("frames", "words"),
    [([0, 1.5, 2], "not a whole number"), ([0, 1, np.nan], "is blank"), ([0, 1, 1e9], "more than")],
)
def test_frames_that_make_no_sense(tmp_path, frames, words):
    path = tmp_path / "t.csv"
    header, rows = plain_table({"landmarks": faces_68(3)[0]}, width=640, height=480)
    rows[:, 0] = frames
    write_csv(path, header, rows)
    with pytest.raises(TrackTableError, match=words):
        tracked(path, tmp_path)


def test_a_clip_without_rows_has_an_error(tmp_path):
    path = tmp_path / "t.csv"
    header, rows = plain_table({"landmarks": faces_68(1)[0]}, width=640, height=480)
    write_csv(path, header, rows[:0])
    assert tracked(path, tmp_path).error == "the table has no rows of the clip"


class TestBucketTables:
    def test_a_clip_is_stored_once_and_again_when_its_rows_change(self, tmp_path):
        path = tmp_path / "t.csv"
        header, rows = plain_table({"landmarks": faces_68(4)[0]}, width=640, height=480)
        write_csv(path, header, rows)
        first = BucketTables(tmp_path / "store").track(path, TrackTable(), fps=25.0)
        again = BucketTables(tmp_path / "store").track(path, TrackTable(), fps=25.0)
        assert (first.computed, again.computed) == (True, False)
        assert first.key == again.key
        other = BucketTables(tmp_path / "store").track(path, TrackTable(clip="x"), fps=25.0)
        assert other.key == first.key
        assert BucketTables(tmp_path).track(path, TrackTable(), fps=30.0).key != first.key
        rows[2, 5] += 1
        write_csv(path, header, rows)
        assert BucketTables(tmp_path / "store").track(path, TrackTable(), fps=25.0).computed

    def test_the_fault_of_a_table_is_told_of_every_clip(self, tmp_path):
        path = tmp_path / "t.csv"
        path.write_text("clip,frame\na,1\nb,1\n")
        tables = BucketTables(tmp_path / "store")
        for clip in "ab":
            with pytest.raises(TrackTableError, match="no points"):
                tables.track(path, TrackTable(clip=clip), fps=25.0)
