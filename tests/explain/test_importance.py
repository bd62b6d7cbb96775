"""Permutation importance: planted groups, constants, the shortcut against the real network."""

from dataclasses import replace

import numpy as np
import pytest

from facewave.evaluation.units import Units
from facewave.explain.column_groups import KINDS, column_groups
from facewave.explain.importance_figure import draw_importance
from facewave.explain.permutation_importance import (
    Importance,
    explained_groups,
    importances,
    permuted_answers,
)
from facewave.face.blendshapes import BLENDSHAPES
from facewave.face.channels import Channels
from facewave.face.regions import region_landmarks
from facewave.mlp.model import predict
from facewave.mlp.options import FusionOptions, MlpOptions
from facewave.mlp.train import TrainingJob, train_mlp
from facewave.splits.read import SplitTable

WAVELET = {"layout": "pyramid", "coefficients": 2, "energy_scales": "seconds"}
SHAPES = {
    "landmarks": (2, 478, 3),
    "blendshapes": (2, 52),
    "blendshape_energy": (5, 52),
    "pose": (2, 6),
}
OPTIONS = MlpOptions(
    inputs=tuple(SHAPES),
    hidden=(16,),
    dropout=0.1,
    learning_rate=0.01,
    weight_decay=0.1,
    max_epochs=25,
    fusion=FusionOptions(
        projection=64,
        standardise="column",
        label_smoothing=0.0,
        mixup=0.0,
        mirror=False,
        schedule="constant",
        refit=False,
        ensemble=2,
        calibrate=False,
    ),
)
PLAIN = replace(OPTIONS, fusion=None)
JAW = BLENDSHAPES.index("jawOpen")


def part(n, seed, *, invalid=0):
    """Return clips whose class shows in the code of jawOpen alone.

    Landmarks, energies and cheekPuff never vary; the other columns are noise.
    """
    random = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    groups = {
        name: random.normal(size=(n, int(np.prod(shape)))).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    for name in ("landmarks", "blendshape_energy"):
        groups[name][:] = 0.25
    for row in range(2):
        groups["blendshapes"][:, 52 * row + JAW] = 12.0 * (labels - 1)
        groups["blendshapes"][:, 52 * row + BLENDSHAPES.index("cheekPuff")] = 0.25
    valid = np.arange(n) >= invalid
    for group in groups.values():
        group[~valid] = 0
    return SplitTable(
        clip_ids=[f"{seed}_{i}" for i in range(n)],
        labels=labels,
        valid=valid,
        groups=groups,
        classes=("a", "b", "c"),
        shapes=SHAPES,
        metadata={"features": {"wavelet": WAVELET}},
    )


@pytest.fixture(scope="module", params=["fusion", "plain"])
def model(request):
    options = OPTIONS if request.param == "fusion" else PLAIN
    return train_mlp(part(90, 1), part(30, 2), TrainingJob(options=options, seed=3))[0]


@pytest.fixture(scope="module")
def found(model):
    groups = explained_groups(model)
    folds = [
        permuted_answers(model, part(30, seed, invalid=1), groups, repeats=4, seed=seed)
        for seed in (3, 4)
    ]
    units = Units(kind="clips", of_clip=np.arange(60))
    rows = importances(groups, folds, units=units, seed=0)
    return {(row.kind, row.name): row for row in rows}


def test_the_planted_group_matters_most(found):
    of = {
        kind: {row.name: row.uar_drop for (k, _), row in found.items() if k == kind}
        for kind in KINDS
    }
    for kind, name in (
        ("blendshape", "jawOpen"),
        ("region", "jaw"),
        ("input", "blendshapes"),
    ):
        assert max(of[kind], key=of[kind].get) == name
        assert of[kind][name] > 0.15
    others = [drop for name, drop in of["blendshape"].items() if name != "jawOpen"]
    assert max(others) < 0.1
    assert of["scale"]["head pose"] < 0.1
    assert of["everything"]["everything"] > 0.15


def test_intervals_hold_the_drop(found):
    for row in found.values():
        assert row.low <= row.uar_drop + 1e-9
        assert row.uar_drop <= row.high + 1e-9
    jaw = found["blendshape", "jawOpen"]
    assert jaw.low > 0
    assert jaw.loss_rise > 0.5


def test_a_constant_has_no_importance(found):
    row = found["blendshape", "cheekPuff"]
    assert (row.uar_drop, row.low, row.high, row.uar_std) == (0, 0, 0, 0)
    assert row.loss_rise == pytest.approx(0, abs=1e-6)


def test_answers_are_those_of_the_network(model):
    """The shortcut behind the projection against columns that are really exchanged before it."""
    table = part(20, 5, invalid=2)
    groups = [
        group for group in explained_groups(model) if group.name in ("jaw", "head pose", "jawOpen")
    ]
    assert len(groups) == 3
    answers = permuted_answers(model, table, groups, repeats=2, seed=9)
    expected = predict(model, table)
    np.testing.assert_array_equal(answers.predicted, expected.argmax(axis=1))
    truth = expected[np.arange(20), table.labels]
    np.testing.assert_allclose(answers.losses, -np.log(truth), rtol=2e-3, atol=2e-4)
    rows = np.flatnonzero(table.valid)
    for place, group in enumerate(groups):
        random = np.random.default_rng([9, place])
        for repeat in range(2):
            order = random.permutation(rows.size)
            changed = {name: values.copy() for name, values in table.groups.items()}
            for name, columns in group.columns.items():
                changed[name][np.ix_(rows, columns)] = table.groups[name][
                    np.ix_(rows[order], columns)
                ]
            really = predict(model, replace(table, groups=changed))
            np.testing.assert_array_equal(
                answers.permuted[place, repeat], really.argmax(axis=1), err_msg=group.name
            )


def test_equal_seeds_give_equal_answers(model):
    table, groups = part(20, 5), explained_groups(model)[:3]
    one, two, other = (
        permuted_answers(model, table, groups, repeats=3, seed=seed) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.permuted, two.permuted)
    assert not np.array_equal(one.permuted_losses, other.permuted_losses)


def test_groups_of_a_kind_do_not_overlap():
    groups = column_groups(SHAPES, WAVELET)
    assert {group.kind for group in groups} == set(KINDS) - {"action unit"}
    sizes = {name: int(np.prod(shape)) for name, shape in SHAPES.items()}
    for kind in KINDS:
        for name, size in sizes.items():
            used = [g.columns[name] for g in groups if g.kind == kind and name in g.columns]
            flat = np.concatenate([np.empty(0, np.int64), *used])
            assert len(set(flat.tolist())) == flat.size
            assert flat.size == 0 or (flat.min() >= 0 and flat.max() < size)
            if kind in ("everything", "input", "scale"):
                assert flat.size == size


def test_columns_of_groups_by_hand():
    groups = {(group.kind, group.name): group for group in column_groups(SHAPES, WAVELET)}
    jaw = groups["blendshape", "jawOpen"].columns
    assert jaw["blendshapes"].tolist() == [JAW, 52 + JAW]
    assert jaw["blendshape_energy"].tolist() == [52 * row + JAW for row in range(5)]
    fine = groups["scale", "details 1"].columns
    assert fine["landmarks"].tolist() == list(range(1434, 2868))
    assert fine["blendshapes"].tolist() == list(range(52, 104))
    slow = groups["scale", "energy, 2.1 s"].columns
    assert slow["blendshape_energy"].tolist() == list(range(4 * 52, 5 * 52))
    nose = groups["region", "nose"].columns["landmarks"]
    first = region_landmarks()["nose"][0]
    assert nose[:3].tolist() == [3 * first, 3 * first + 1, 3 * first + 2]
    assert nose.size == 2 * 3 * region_landmarks()["nose"].size
    assert groups["scale", "head pose"].columns["pose"].tolist() == list(range(12))


def test_columns_of_68_points_and_action_units_by_hand():
    channels = Channels("dlib_68", 2, False, ("AU01", "AU12", "AU45"))
    shapes = {"landmarks": (2, 68, 2), "action_units": (2, 3), "action_unit_energy": (5, 3)}
    found = column_groups(shapes, WAVELET, channels)
    groups = {(group.kind, group.name): group.columns for group in found}
    nose = [2 * point + axis for point in range(27, 36) for axis in range(2)]
    assert groups["region", "nose"]["landmarks"].tolist() == nose + [136 + i for i in nose]
    assert "action_units" not in groups["region", "nose"]
    assert groups["region", "mouth"]["action_units"].tolist() == [1, 4]
    assert groups["region", "brows"]["action_unit_energy"].tolist() == [0, 3, 6, 9, 12]
    assert groups["action unit", "AU45"]["action_units"].tolist() == [2, 5]
    assert {name for kind, name in groups if kind == "region"} == {
        "eyes", "brows", "nose", "mouth", "jaw",
    }  # fmt: skip
    assert not [group for group in found if group.kind == "blendshape"]


def test_a_face_of_68_points_is_drawn(tmp_path):
    channels = Channels("dlib_68", 2, False, ("AU01",))
    shapes = {"landmarks": (2, 68, 2), "action_units": (2, 1)}
    rows = [
        Importance(
            kind=group.kind, name=group.name, columns=1, uar_drop=0.1, low=0.0, high=0.2,
            uar_std=0.0, loss_rise=0.0,
        )
        for group in column_groups(shapes, WAVELET, channels)
    ]  # fmt: skip
    draw_importance(tmp_path / "68.png", rows, title="x", points="dlib_68")
    draw_importance(tmp_path / "478.png", rows, title="x")
    assert (tmp_path / "68.png").read_bytes() != (tmp_path / "478.png").read_bytes()


def test_an_unknown_input_is_refused():
    with pytest.raises(ValueError, match="sound"):
        column_groups({"sound": (1, 3)}, WAVELET)


def test_picture_is_the_same_for_equal_input(tmp_path):
    rows = [
        Importance(
            kind=group.kind,
            name=group.name,
            columns=group.size,
            uar_drop=0.01 * place,
            low=0.0,
            high=0.02 * place,
            uar_std=0.01,
            loss_rise=0.1,
        )
        for place, group in enumerate(column_groups(SHAPES, WAVELET))
    ]
    for name in ("one.png", "two.png"):
        draw_importance(tmp_path / name, rows, title="MLP on toy")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    draw_importance(tmp_path / "few.png", [r for r in rows if r.kind == "scale"], title="x")
    assert (tmp_path / "few.png").read_bytes() != (tmp_path / "one.png").read_bytes()
