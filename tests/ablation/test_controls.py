import runpy

import pytest

from facewave.ablation.compare import compare, read_answers
from facewave.ablation.controls import control_options
from facewave.config.table import CONFIG_PATH
from facewave.mlp.options import MlpOptions
from tests.splits.split_files import toy, write_split


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
            splits=[splits],
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
