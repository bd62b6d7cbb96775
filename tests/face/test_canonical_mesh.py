"""The canonical face against what MediaPipe's bundle carries."""

import struct
import zipfile
from collections import defaultdict

import numpy as np
import pytest

from facewave.face.canonical_mesh import N_VERTICES, canonical_face

_MEMBER = "geometry_pipeline_metadata_landmarks.binarypb"


def wire_fields(data):
    """Return the fields of a protocol buffer message: number to a list of raw values."""
    found, position = defaultdict(list), 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while position < len(data):
        number, kind = divmod(varint(), 8)
        if kind == 0:
            found[number].append(varint())
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        found[number].append(data[position : position + size])
        position += size
    return found


@pytest.fixture(scope="module")
def metadata(landmarker_model):
    """The bundle's GeometryPipelineMetadata: canonical_mesh = 1, procrustes_landmark_basis = 2."""
    with zipfile.ZipFile(landmarker_model) as bundle:
        return wire_fields(bundle.read(_MEMBER))


def floats(values):
    """Return repeated floats, packed or not."""
    return np.frombuffer(b"".join(values), "<f4").astype(np.float64)


def test_vertices_are_those_of_the_bundle(metadata):
    # Mesh3d: vertex_buffer = 3, five floats a vertex (position, texture coordinates).
    mesh = wire_fields(metadata[1][0])
    vertices = floats(mesh[3]).reshape(-1, 5)
    assert vertices.shape == (N_VERTICES, 5)
    np.testing.assert_allclose(canonical_face().points, vertices[:, :3], atol=1e-6)


def test_weights_are_those_of_the_bundle(metadata):
    # WeightedLandmarkRef: landmark_id = 1, weight = 2.
    basis = [wire_fields(entry) for entry in metadata[2]]
    weights = np.zeros(N_VERTICES)
    for entry in basis:
        weights[entry[1][0]] = struct.unpack("<f", entry[2][0])[0]
    face = canonical_face()
    np.testing.assert_allclose(face.weights, weights / weights.sum(), rtol=1e-5)
    assert face.basis.tolist() == sorted(entry[1][0] for entry in basis)
