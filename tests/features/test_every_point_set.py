"""What is done with a face is done with every set of points: alignment, energies, mirroring,
regions, quality, explanation and its figure."""

import numpy as np
import pytest

from facewave.explain.column_groups import column_groups
from facewave.explain.importance_figure import draw_importance
from facewave.explain.permutation_importance import Importance
from facewave.face.point_sets import point_set
from facewave.features.encode_clip import encode_clip
from facewave.features.energy import LEAST_ENERGY
from facewave.features.groups import FaceOptions, WaveletOptions, feature_shapes
from facewave.features.quality import QualityOptions
from facewave.landmark_tables.options import TrackTable
from facewave.landmark_tables.read import LandmarkTable
from facewave.mlp.mirror import mirror_swap
from facewave.storage.store import read_shard
from facewave.tracking.track_table import write_table_track
from facewave.tracking.trajectory import open_trajectory
from tests.landmark_tables.tracker_tables import plain_table, write_csv

WAVELET = WaveletOptions("segments", 4, energy=True)
SECTION = {"layout": "segments", "coefficients": 4, "energy_scales": "seconds"}
FACE = FaceOptions("similarity")
# In a square picture: MediaPipe's depth has the scale of x, however the head is turned.
FRAMES, WIDTH, HEIGHT = 40, 640, 640
LOST = [7, 8]


@pytest.fixture(
    params=[
        ("mediapipe_478", 3),
        ("mediapipe_478", 2),
        ("mediapipe_468", 3),
        ("mediapipe_468", 2),
        ("dlib_68", 3),
        ("dlib_68", 2),
    ],
    ids=lambda param: f"{param[0]}-{param[1]}",
)
def kind(request):
    """A set of points and the number of their dimensions."""
    return request.param


def face(name, *, moving="mouth"):
    """Return a face in pixels, y down: (FRAMES, N, 3); one of its regions moves up and down."""
    points = point_set(name)
    vertices = points.canonical
    if len(vertices) < points.count:  # the irises have no place on the canonical face
        irises = np.repeat(vertices[[33, 263]], (points.count - len(vertices)) // 2, axis=0)
        vertices = np.concatenate([vertices, irises])
    found = np.tile(vertices * [1, -1, -1] * 15.0, (FRAMES, 1, 1))
    if moving:
        steps = 6 * np.sin(np.arange(FRAMES) / 2)[:, np.newaxis]
        found[:, points.regions[moving], 1] += steps
        found += np.random.default_rng(0).normal(0, 0.05, found.shape)
    return found + np.array([WIDTH / 2, HEIGHT / 2, 0])


def encoded(pixels, kind, folder):
    """Write a face as a table, read it as a clip; return features, quality and channels."""
    name, axes = kind
    folder.mkdir(exist_ok=True)
    values = pixels / [WIDTH, HEIGHT, WIDTH] if point_set(name).pictures else pixels.copy()
    values[LOST] = np.nan
    header, rows = plain_table({"landmarks": values[..., :axes]}, width=WIDTH, height=HEIGHT)
    write_csv(folder / "t.csv", header, rows)
    options = TrackTable()
    write_table_track(
        LandmarkTable(folder / "t.csv", options).rows(None),
        folder / "t.npz",
        options=options,
        fps=25.0,
        provenance={"table": "{}"},
    )
    clip = open_trajectory(folder / "t.npz")
    quality = encode_clip(
        clip,
        folder / "f.npz",
        wavelet=WAVELET,
        quality=QualityOptions(),
        provenance={},
        face=FACE,
    )
    assert quality.valid, quality.reason
    return read_shard(folder / "f.npz")[0], quality, clip.channels


def turned(pixels, degrees):
    """Turn a face in the picture."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0]])
    turn = np.concatenate([turn, [[0, 0, 1]]])
    middle = np.array([WIDTH / 2, HEIGHT / 2, 0])
    return (pixels - middle) @ turn.T + middle


def test_the_place_size_and_roll_of_a_face_do_not_count(kind, tmp_path):
    pixels = face(kind[0])
    one, quality, channels = encoded(pixels, kind, tmp_path / "a")
    assert (channels.points, channels.dimensions) == kind
    moved = turned(pixels, 20) * 0.8 + [70, 10, 0]
    other, _, _ = encoded(moved, kind, tmp_path / "b")
    for group, values in one.items():
        np.testing.assert_allclose(other[group], values, atol=1e-3, err_msg=group)
    assert quality.frames == FRAMES
    assert quality.detected == FRAMES - len(LOST)
    assert quality.longest_gap == len(LOST)
    assert quality.jitter > 0


def test_energy_is_of_what_moves(kind, tmp_path):
    regions = point_set(kind[0]).regions
    still, _, _ = encoded(face(kind[0], moving=None), kind, tmp_path / "a")
    np.testing.assert_allclose(still["landmark_energy"], np.log(LEAST_ENERGY), atol=0.7)
    moving, _, _ = encoded(face(kind[0]), kind, tmp_path / "b")
    up = np.exp(moving["landmark_energy"][..., 1]).sum(axis=0)
    for name, points in regions.items():
        if name != "mouth" and len(points):
            assert up[regions["mouth"]].mean() > 5 * up[points].mean(), name


def test_a_mirrored_face_has_mirrored_features(kind, tmp_path):
    name, _ = kind
    pixels = face(name)
    # A part of one brow, on one side, moves.
    brow = point_set(name).regions["brows"][0]
    pixels[:, brow, 1] += 4 * (1 + np.cos(np.arange(FRAMES)))
    mirrored = pixels[:, point_set(name).mirror] * [-1, 1, 1] + [WIDTH, 0, 0]
    one, _, channels = encoded(pixels, kind, tmp_path / "a")
    other, _, _ = encoded(mirrored, kind, tmp_path / "b")
    for group, values in one.items():
        swap = mirror_swap(group, values.shape, channels)
        expected = swap(values.reshape(1, -1)).reshape(values.shape)
        np.testing.assert_allclose(other[group], expected, atol=2e-3, err_msg=group)
        assert np.abs(other[group] - values).max() > 0.05, group


def test_every_column_has_a_region_and_the_figure_shows_them(kind, tmp_path):
    name, axes = kind
    _, _, channels = encoded(face(name), kind, tmp_path / "a")
    shapes = feature_shapes(WAVELET, FACE, channels)
    groups = column_groups(shapes, SECTION, channels)
    regions = [group for group in groups if group.kind == "region"]
    assert {group.name for group in regions} == {
        region for region, points in point_set(name).regions.items() if len(points)
    }
    for group in ("landmarks", "landmark_energy"):
        columns = np.concatenate([region.columns[group] for region in regions])
        assert sorted(columns.tolist()) == list(range(int(np.prod(shapes[group]))))
    if axes == 3:
        return  # the figure shows the face from the front
    found = [
        Importance(
            kind=group.kind,
            name=group.name,
            columns=group.size,
            uar_drop=0.05,
            low=0.0,
            high=0.1,
            uar_std=0.0,
            loss_rise=0.1,
        )
        for group in groups
    ]
    draw_importance(tmp_path / "f.png", found, title="t", points=name)
    assert (tmp_path / "f.png").stat().st_size > 10_000
