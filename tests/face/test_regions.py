"""The regions of the face against MediaPipe's own sets of landmarks."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.canonical_mesh import N_VERTICES, canonical_face
from facewave.face.regions import REGIONS, region_blendshapes, region_landmarks
from facewave.mlp.mirror import mirrored_landmarks


def test_regions_follow_mediapipes_connection_sets():
    """Make the table of regions again by the rules that the module states."""
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
