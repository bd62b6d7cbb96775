import numpy as np
import pytest

from facewave.face.channels import VIDEO, Channels, action_unit_region
from facewave.face.point_sets import POINT_SETS, REGIONS, point_set, set_of_count


@pytest.mark.parametrize("name", POINT_SETS)
class TestEverySet:
    def test_mirrors_into_itself(self, name):
        face = point_set(name)
        everyone = np.arange(face.count)
        assert (face.mirror[face.mirror] == everyone).all()
        assert face.mirror[face.right_eye] == face.left_eye
        assert face.mirror[face.nose_tip] == face.nose_tip
        assert face.mirror[face.lower_lip] == face.lower_lip
        placed = face.canonical[face.mirror[: len(face.canonical)]] * [-1, 1, 1]
        np.testing.assert_array_equal(placed, face.canonical)

    def test_regions_hold_each_point_once_and_are_symmetric(self, name):
        face = point_set(name)
        assert tuple(face.regions) == REGIONS
        points = np.concatenate(list(face.regions.values()))
        assert sorted(points.tolist()) == list(range(face.count))
        for region in face.regions.values():
            assert set(face.mirror[region].tolist()) == set(region.tolist())

    def test_weights_are_those_of_the_basis(self, name):
        face = point_set(name)
        assert face.weights.sum() == pytest.approx(1)
        assert np.flatnonzero(face.weights).tolist() == face.basis.tolist()
        assert set(face.mirror[face.basis].tolist()) == set(face.basis.tolist())

    def test_is_found_by_its_count_and_read_only(self, name):
        face = point_set(name)
        assert set_of_count(face.count) == name
        with pytest.raises(ValueError, match="read-only"):
            face.canonical[0] = 0


def test_dlib_s_points_lie_where_its_numbering_says():
    face = point_set("dlib_68").canonical
    # The jaw goes from the person's right ear under the chin to the left one.
    assert (np.diff(face[:17, 0]) > 0).all()
    assert face[:17, 1].argmin() == 8
    # Bridge of the nose downwards, towards the viewer.
    assert (np.diff(face[27:31, 1]) < 0).all()
    assert (np.diff(face[27:31, 2]) > 0).all()
    # Each eye and each lip is a ring: corners outside, upper before lower edge.
    for first in (36, 42):
        assert face[first + 1 : first + 3, 1].min() > face[first + 4 : first + 6, 1].max()
        assert face[first, 0] < face[first + 1 : first + 6, 0].min()
        assert face[first + 3, 0] > face[[first, first + 1, first + 2], 0].max()
    assert face[48, 0] == face[48:60, 0].min()
    assert face[54, 0] == face[48:60, 0].max()
    assert face[49:54, 1].min() > face[55:60, 1].max()
    assert face[61:64, 1].min() > face[65:68, 1].max()
    # Brows above the eyes, eyes above the nose, nose above the mouth, mouth above the chin.
    assert face[17:27, 1].min() > face[36:48, 1].max()
    assert face[36:48, 1].min() > face[31:36, 1].max()
    assert face[31:36, 1].min() > face[48:60, 1].max()
    assert face[48:68, 1].min() > face[8, 1]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="dlib_68"):
        point_set("dlib_69")
    assert set_of_count(5) is None


def test_channels_are_text_and_back():
    for channels in (
        VIDEO,
        Channels("dlib_68", 2, False),
        Channels("dlib_68", 3, False, ("AU01", "AU45")),
        Channels("mediapipe_468", 2, True, ("AU12",)),
    ):
        assert Channels.parse(str(channels)) == channels
    assert str(VIDEO) == "mediapipe_478 3-D blendshapes"
    for text in ("", "dlib_68", "dlib_69 2-D", "dlib_68 4-D", "dlib_68 2-D teeth"):
        with pytest.raises(ValueError, match="expected channels such as mediapipe_478"):
            Channels.parse(text)


def test_shapes_of_a_frame():
    channels = Channels("dlib_68", 2, False, ("AU01", "AU12"))
    assert channels.shapes == {"landmarks": (68, 2), "action_units": (2,)}
    assert VIDEO.shapes == {"landmarks": (478, 3), "blendshapes": (52,)}


def test_action_units_belong_to_regions():
    names = ["AU01", "AU12", "AU45", "AU26", "AU09", "AU06"]
    regions = [action_unit_region(name) for name in names]
    assert regions == ["brows", "mouth", "eyes", "jaw", "nose", "cheeks"]
