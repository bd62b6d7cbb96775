"""The lines that are drawn are MediaPipe's own connections."""

import numpy as np

from facewave.face.contours import contours, mesh_edges


def connections():
    from mediapipe.tasks.python.vision.face_landmarker import FaceLandmarksConnections

    return FaceLandmarksConnections


def edges_of(chains):
    pairs = [
        pair
        for chain, closed in chains
        for pair in zip(chain, [*chain[1:], *chain[:1]] if closed else chain[1:], strict=False)
    ]
    return {tuple(sorted(map(int, pair))) for pair in pairs}


def edges_in(*sets):
    return {tuple(sorted((edge.start, edge.end))) for one in sets for edge in one}


def test_contours_are_the_connections_of_mediapipe():
    sets = connections()
    expected = {
        "oval": edges_in(sets.FACE_LANDMARKS_FACE_OVAL),
        "brows": edges_in(sets.FACE_LANDMARKS_LEFT_EYEBROW, sets.FACE_LANDMARKS_RIGHT_EYEBROW),
        "eyes": edges_in(sets.FACE_LANDMARKS_LEFT_EYE, sets.FACE_LANDMARKS_RIGHT_EYE),
        "irises": edges_in(sets.FACE_LANDMARKS_LEFT_IRIS, sets.FACE_LANDMARKS_RIGHT_IRIS),
        "lips": edges_in(sets.FACE_LANDMARKS_LIPS),
    }
    assert {part: edges_of(chains) for part, chains in contours().items()} == expected


def test_mesh_has_every_edge_once():
    edges = [tuple(edge) for edge in mesh_edges().tolist()]
    assert len(set(edges)) == len(edges)
    assert all(a < b for a, b in edges)
    assert set(edges) == edges_in(connections().FACE_LANDMARKS_TESSELATION)
    assert np.unique(mesh_edges()).tolist() == list(range(468))
