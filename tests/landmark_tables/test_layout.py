import pytest

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import Channels
from facewave.landmark_tables.layout import TrackTableError, find_layout
from facewave.landmark_tables.options import TrackTable


def names(pattern, count=68, axes="xy", first=0):
    return [pattern.format(a=axis, i=i) for axis in axes for i in range(first, first + count)]


@pytest.mark.parametrize(
    "points",
    [
        names("{a}_{i}"),
        names("{a}{i}"),
        names("pt{i}.{a}", first=1),
        names("landmark_{i}_{a}"),
        names("{i}_{a}"),
        names("point{i}{a}"),
    ],
)
def test_points_are_found_by_common_names(points):
    layout = find_layout(["frame", *points], TrackTable())
    assert layout.channels == Channels("dlib_68", 2, False)
    assert layout.points[:2] == (points[0], points[68])
    assert layout.points[-2:] == (points[67], points[-1])
    assert layout.names == {"frame": "frame"}
    assert not layout.metric


def test_numbers_count_not_the_order_of_the_columns():
    points = sorted(names("{a}_{i}"))  # x_0, x_1, x_10, x_11, …
    assert find_layout(points, TrackTable()).points[20:22] == ("x_10", "y_10")


def test_openface_has_points_in_the_picture_and_in_space():
    header = [
        *("frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x", "eye_lmk_x_0"),
        *names("{a}_{i}"), *names("{a}_{i}", axes="XYZ"), "p_0", "pose_Tx",
        "AU12_r", "AU01_r", "AU01_c", "AU28_c",
    ]  # fmt: skip
    flat = find_layout(header, TrackTable())
    assert flat.channels == Channels("dlib_68", 2, False, ("AU01", "AU12"))
    assert flat.action_units == ("AU01_r", "AU12_r")
    assert dict(flat.names) == {
        "frame": "frame",
        "time": "timestamp",
        "face": "face_id",
        "confidence": "confidence",
        "success": "success",
    }
    space = find_layout(header, TrackTable(dimensions=3, action_units=False))
    assert space.channels == Channels("dlib_68", 3, False)
    assert space.points[:3] == ("X_0", "Y_0", "Z_0")
    assert space.metric


def test_mediapipe_with_and_without_depth_and_blendshapes():
    header = [*names("{a}_{i}", 478, "xyz"), *BLENDSHAPES]
    assert find_layout(header, TrackTable()).channels == Channels()
    assert find_layout(header, TrackTable(dimensions=2)).channels == Channels(dimensions=2)
    without = find_layout(header, TrackTable(blendshapes=False))
    assert without.channels == Channels(blendshapes=False)
    # Some of the 52 are not MediaPipe's blendshapes.
    assert find_layout(header[:-1], TrackTable()).channels == Channels(blendshapes=False)
    assert (
        find_layout(names("{a}_{i}", 468, "xyz"), TrackTable()).channels.points == "mediapipe_468"
    )


def test_columns_can_be_named():
    header = ["image", "frame", *names("{a}_{i}")]
    assert find_layout(header, TrackTable()).names == {"frame": "frame"}
    named = find_layout(header, TrackTable(columns=(("frame", "image"),)))
    assert named.names == {"frame": "image"}
    with pytest.raises(TrackTableError, match=r"no column 'imag' \(columns.frame\).*'image'"):
        find_layout(header, TrackTable(columns=(("frame", "imag"),)))


@pytest.mark.parametrize(
    ("header", "options", "words"),
    [
        (["frame", "AU01_r"], {}, "no points: expected columns such as x_0"),
        (names("{a}_{i}", 51), {}, "found 51 points, expected those of a known set"),
        (names("{a}_{i}"), {"dimensions": 3}, "no three-dimensional points"),
        (names("{a}_{i}")[:-1], {}, "no points"),
        ([], {}, "no points"),
    ],
)
def test_what_is_missing_is_said(header, options, words):
    with pytest.raises(TrackTableError, match=words):
        find_layout(header, TrackTable(**options))


def test_options_are_text_and_back():
    options = TrackTable(
        clip="a b", size=(640, 480), dimensions=3, min_confidence=0.25, columns=(("frame", "n"),)
    )
    assert TrackTable.from_json(options.to_json()) == options
    assert TrackTable().to_json() == "{}"
    assert TrackTable.from_json("{}") == TrackTable()
    given = {"size": [640, 480], "track_columns": {"time": "t"}, "min_confidence": 0.1}
    assert TrackTable.of_dataset(given, clip="x") == TrackTable(
        clip="x", size=(640, 480), min_confidence=0.1, columns=(("time", "t"),)
    )
