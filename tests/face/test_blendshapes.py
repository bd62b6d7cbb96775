"""The names of the blendshapes, without the model at hand."""

from facewave.face.blendshapes import BLENDSHAPES
from facewave.tracking.landmarker import blendshape_names


def test_blendshape_names_are_those_of_the_model():
    assert list(BLENDSHAPES) == blendshape_names()
