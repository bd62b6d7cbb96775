"""The ablation's statistics, computed by hand, and its controls."""

import runpy

import numpy as np
import pytest
import yaml

from facewave.ablation.compare import (
    Answers,
    calibration_error,
    compare,
    join_folds,
    paired_permutation,
    read_answers,
)
from facewave.ablation.controls import control_options, read_variant
from facewave.ablation.variants import variant_options, with_grid
from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.config.table import CONFIG_PATH
from facewave.mlp.options import MlpOptions
from tests.splits.split_files import toy, write_split

LABELS = np.repeat([0, 1, 2], 20)


def answers(accuracy, *, seeds=2, seed=0):
    random = np.random.default_rng(seed)
    right = random.random((seeds, LABELS.size)) < accuracy
    predicted = np.where(right, LABELS, (LABELS + 1) % 3)
    return Answers(
        labels=LABELS,
        predicted=predicted,
        probabilities=np.eye(3, dtype=np.float32)[predicted] * 0.7 + 0.1,
    )


def test_scores_by_hand():
    found = Answers(
        labels=np.array([0, 0, 1, 1]),
        predicted=np.array([[0, 1, 1, 1], [0, 0, 1, 0]]),
        probabilities=np.full((2, 4, 2), 0.5, np.float32),
    )
    (row,) = compare({"a": found}, reference="a", seed=0)
    assert (row.uar, row.war, row.seeds, row.clips) == (0.75, 0.75, 2, 4)
    assert row.uar_std == 0
    assert (row.difference, row.p) == (0, 1)
    assert 0 <= row.low <= row.uar <= row.high <= 1


def test_better_variants_come_first_and_differ():
    rows = compare({"bad": answers(0.3), "good": answers(0.9)}, reference="bad", seed=0)
    assert [row.variant for row in rows] == ["good", "bad"]
    assert rows[0].difference == pytest.approx(rows[0].uar - rows[1].uar)
    assert rows[0].p < 0.01
    assert rows[0].low > rows[1].high


def test_equal_variants_do_not_differ():
    rows = compare({"a": answers(0.5), "b": answers(0.5, seed=1)}, reference="a", seed=0)
    assert min(row.p for row in rows) > 0.05


def test_paired_permutation_by_hand():
    # Three equal differences: 2 of the 8 sign patterns are as large.
    assert paired_permutation(np.ones(3), seed=0) == pytest.approx(0.25, abs=0.03)
    assert paired_permutation(np.zeros(5), seed=0) == 1


def test_calibration_error_by_hand():
    probabilities = np.float32([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.35, 0.65]])
    found = calibration_error(probabilities, np.array([0, 1, 0, 1]))
    assert found == pytest.approx((0.9 + 0.7) / 4, abs=1e-6)


def test_what_cannot_be_compared_is_refused():
    other = answers(0.5)
    shorter = Answers(
        labels=LABELS[:-1],
        predicted=other.predicted[:, :-1],
        probabilities=other.probabilities[:, :-1],
    )
    with pytest.raises(ValueError, match="other clips"):
        compare({"a": other, "b": shorter}, reference="a", seed=0)
    with pytest.raises(ValueError, match="among the variants"):
        compare({"a": other}, reference="b", seed=0)


def test_folds_are_joined():
    whole = join_folds([answers(0.5), answers(0.9)])
    assert whole.labels.shape == (120,)
    assert whole.predicted.shape == (2, 120)
    assert whole.probabilities.shape == (2, 120, 3)


def config(variants):
    return check_config({"ablation": {"variants": variants}})


def test_variants_change_what_they_name():
    given = config({"default": {}, "other": {"wavelet": {"coefficients": 32}}})
    plain, other = (variant_options(given, name) for name in ("default", "other"))
    assert other["wavelet"] == plain["wavelet"] | {"coefficients": 32}
    assert {k: v for k, v in other.items() if k != "wavelet"} == {
        k: v for k, v in plain.items() if k != "wavelet"
    }
    assert given["wavelet"]["coefficients"] == 10


def test_variants_change_options_of_the_fusion_one_by_one():
    given = config(
        {
            "default": {},
            "one": {"mlp": {"fusion": {"ensemble": 1}}},
            "plain": {"mlp": {"fusion": None}},
            "moved": {"mlp": {"projection": 0}},
        }
    )
    given["mlp"]["fusion"]["mixup"] = 0.7
    fusion = {
        name: variant_options(given, name)["mlp"]["fusion"] for name in ("default", "one", "plain")
    }
    assert fusion["default"]["mixup"] == 0.7
    assert fusion["one"] == fusion["default"] | {"ensemble": 1}
    assert fusion["plain"] is None
    with pytest.raises(ConfigError, match=r"mlp\.projection: .*mlp\.fusion: null"):
        variant_options(given, "moved")
    given["ablation"]["grid"] = {"mlp.fusion.projection": [8], "mlp.hidden": [[4]]}
    name = "projection_8_hidden_4"
    options = variant_options(with_grid(given), name)["mlp"]
    assert (options["hidden"], options["fusion"]) == ([4], fusion["default"] | {"projection": 8})


@pytest.mark.parametrize(
    ("variant", "message"),
    [
        ({"wavelet": {"coeficients": 3}}, "coeficients"),
        ({"wavelet": {"energy": False}}, r"wavelet.energy: true"),
        ({"features": {"head_pose": False}}, r"features.head_pose: true"),
        ({"features": {"align": "none"}}, r"mlp.fusion.mirror"),
        ({"mlp": {"inputs": ["pose_statistics"]}}, r"wavelet.statistics"),
    ],
)
def test_variants_that_cannot_be_are_refused(variant, message):
    with pytest.raises(ConfigError, match=message):
        variant_options(config({"default": variant}), "default")


def test_a_grid_becomes_variants():
    given = config({"default": {}})
    given["ablation"]["grid"] = {
        "wavelet.layout": ["paper", "segments"],
        "wavelet.coefficients": [8, 16],
        "mlp.inputs": [["blendshapes", "pose"]],
    }
    full = with_grid(check_config(given))
    assert list(full["ablation"]["variants"]) == [
        "default",
        "layout_paper_coefficients_8_inputs_blendshapes_pose",
        "layout_paper_coefficients_16_inputs_blendshapes_pose",
        "layout_segments_coefficients_8_inputs_blendshapes_pose",
        "layout_segments_coefficients_16_inputs_blendshapes_pose",
    ]
    options = variant_options(full, "layout_paper_coefficients_16_inputs_blendshapes_pose")
    assert (options["wavelet"]["layout"], options["wavelet"]["coefficients"]) == ("paper", 16)
    assert options["mlp"]["inputs"] == ["blendshapes", "pose"]
    assert given["ablation"]["variants"] == {"default": {}}
    assert with_grid(config({"default": {}}))["ablation"]["variants"] == {"default": {}}


def test_a_grid_that_cannot_be_is_refused():
    given = config({"default": {}, "projection_8": {}})
    given["ablation"]["grid"] = {"mlp.fusion.projection": [16, 8]}
    with pytest.raises(ConfigError, match="two variants 'projection_8'"):
        with_grid(given)
    given["ablation"]["grid"] = {"mlp.fusion": [None], "mlp.fusion.projection": [16]}
    with pytest.raises(ConfigError, match=r"mlp\.fusion and keys of it"):
        with_grid(given)
    given["ablation"]["grid"] = {"split.protocol": ["80-20"]}
    with pytest.raises(ConfigError, match=r"split\.protocol"):
        check_config(given)


@pytest.mark.parametrize("name", ["paper", "ablation", "ablation_main"])
def test_presets_are_valid(name):
    given = check_config({})
    preset = yaml.safe_load((CONFIG_PATH.parent / "presets" / f"{name}.yaml").read_text())
    for section, values in preset.items():
        given[section] |= values
    checked = check_config(given)
    for variant in checked["ablation"]["variants"]:
        variant_options(checked, variant)


def test_labels_are_shuffled_where_the_model_learns(tmp_path):
    path = write_split(tmp_path / "part.parquet", toy(60))
    options = MlpOptions(inputs=("blendshapes",))
    tables = {
        part: read_variant(path, options=options, control="shuffled_labels", part=part, seed=0)
        for part in ("train", "val", "test")
    }
    np.testing.assert_array_equal(tables["test"].labels, np.arange(60) % 3)
    for part in ("train", "val"):
        assert (tables[part].labels != tables["test"].labels).any()
        np.testing.assert_array_equal(np.bincount(tables[part].labels), [20, 20, 20])


def test_shuffled_labels_take_their_votes_along(tmp_path):
    columns = toy(30)
    columns["label_distribution"] = np.eye(3)[columns["label"]].tolist()
    path = write_split(tmp_path / "train.parquet", columns)
    options = MlpOptions(inputs=("blendshapes",), soft_labels=True)
    found = read_variant(path, options=options, control="shuffled_labels", part="train", seed=1)
    assert found.labels.tolist() != columns["label"].tolist()
    np.testing.assert_array_equal(found.label_distributions.argmax(axis=1), found.labels)


def test_clip_length_replaces_the_inputs():
    options = MlpOptions(inputs=("blendshapes",))
    assert control_options(options, "clip_length").inputs == ("pose",)
    assert control_options(options, None) is options


def test_shuffled_labels_fall_to_chance(tmp_path):
    """The control through the ablation's own script: what is learned without it, and with it."""
    main = runpy.run_path(str(CONFIG_PATH.parent / "scripts" / "fit_variant.py"))["main"]
    sizes = {"train": 120, "val": 60, "test": 240}
    splits = {
        part: str(write_split(tmp_path / f"{part}.parquet", toy(size, seed=i, signal=8.0)))
        for i, (part, size) in enumerate(sizes.items())
    }
    scores = {}
    for control in (None, "shuffled_labels"):
        files = [tmp_path / f"{control}-{seed}.parquet" for seed in range(4)]
        main(
            splits=splits,
            predictions=[str(path) for path in files],
            options={
                "inputs": ["blendshapes"],
                "hidden": [8],
                "max_epochs": 8,
                "learning_rate": 0.02,
            },
            control=control,
            seeds=range(4),
            threads=1,
        )
        found = read_answers(files)
        scores[control] = compare({"a": found}, reference="a", seed=0)[0].uar
    assert scores[None] > 0.9
    # Four seeds: four standard errors of the mean of as many independent guesses are 0.06; answers
    # of a seed hang together, so that twice of it is allowed.
    assert scores["shuffled_labels"] == pytest.approx(1 / 3, abs=0.12)
