"""The canonical face and the regions of the face against what MediaPipe itself carries."""

import struct
import zipfile
from collections import defaultdict

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.face.regions import REGIONS, region_blendshapes, region_landmarks
from facewave.mlp.mirror import mirrored_landmarks

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


def test_regions_follow_mediapipes_connection_sets():
    """Make the table of regions anew by the rules that `face_regions` states."""
    from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarksConnections as Sets

    def vertices(*names):
        pairs = [pair for name in names for pair in getattr(Sets, f"FACE_LANDMARKS_{name}")]
        return sorted({index for pair in pairs for index in (pair.start, pair.end)})

    seeds = {
        "eyes": vertices("LEFT_EYE", "RIGHT_EYE"),
        "brows": vertices("LEFT_EYEBROW", "RIGHT_EYEBROW"),
        "nose": vertices("NOSE"),
        "mouth": vertices("LIPS"),
    }
    points = canonical_face().points
    edges = np.array([(pair.start, pair.end) for pair in Sets.FACE_LANDMARKS_TESSELATION])
    lengths = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    size = (N_VERTICES, N_VERTICES)
    graph = coo_matrix((lengths, edges.T), shape=size).tocsr()
    graph = graph.maximum(graph.T)
    far = np.stack([dijkstra(graph, indices=start, min_only=True) for start in seeds.values()])
    nearest = np.array(list(seeds))[far.argmin(axis=0)]
    height = points[:, 1]
    rest = np.where(
        height >= height[seeds["brows"]].min(),
        "forehead",
        np.where(height < height[[61, 291]].max(), "jaw", "cheeks"),
    )
    expected = np.where(far.min(axis=0) <= 1.2, nearest, rest)
    found = np.empty(478, object)
    for name, landmarks in region_landmarks().items():
        found[landmarks] = name
    assert found[:N_VERTICES].tolist() == expected.tolist()
    assert set(found[N_VERTICES:]) == {"irises"}
    irises = vertices("LEFT_IRIS", "RIGHT_IRIS")
    assert set(irises) <= set(region_landmarks()["irises"].tolist())


def test_regions_hold_every_landmark_once_and_are_symmetric():
    regions = region_landmarks()
    assert tuple(regions) == REGIONS
    assert sorted(np.concatenate(list(regions.values())).tolist()) == list(range(478))
    for landmarks in regions.values():
        mirrored = mirrored_landmarks()[landmarks]
        assert set(mirrored.tolist()) == set(landmarks.tolist())


def test_blendshapes_of_regions():
    regions = region_blendshapes()
    known = np.concatenate(list(regions.values())).tolist()
    assert sorted(known) == list(range(1, 52))  # all but _neutral
    names = {name: [BLENDSHAPES[i] for i in found] for name, found in regions.items()}
    assert "eyeLookDownLeft" in names["irises"]
    assert "eyeBlinkRight" in names["eyes"]
    assert names["nose"] == ["noseSneerLeft", "noseSneerRight"]
    assert not names["forehead"]
