"""Training curves, the epoch that is kept, and how the MLP was trained in words."""

import pytest

from facewave.config.check import check_config
from facewave.mlp.train import Epoch
from facewave.report.training import CURVES, read_training, training_words
from tests.report.report_files import PLAIN, write_training


def mlp(**options):
    return check_config({"mlp": options})["mlp"]


def test_curves_are_columns_of_the_training():
    assert set(CURVES) < set(Epoch.__dataclass_fields__)


def test_the_epoch_kept_is_the_best_and_of_equals_the_one_with_less_loss(page):
    assert page.row("80-10-10") == [["4", "3", "0.500", "75.0", "75.0"]]


@pytest.mark.parametrize(
    ("options", "kept"),
    [(PLAIN, 3), ({"fusion": {"keep": "best"}}, 3), ({"fusion": {"keep": "last"}}, 4)],
)
def test_the_epoch_kept_is_that_of_the_options(tmp_path, options, kept):
    path = write_training(tmp_path / "metrics.csv", 0)
    [run] = read_training({"a": path}, mlp(**options))
    assert (run.kept + 1, run.epochs) == (kept, 4)


def test_a_training_without_epochs_is_refused(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,train_loss\n", encoding="utf-8")
    with pytest.raises(ValueError, match="train again"):
        read_training({"a": path}, mlp())


def test_plain_mlp_stops_early_and_uses_the_validation_part_for_that():
    words = training_words(mlp(**PLAIN, patience=7, dropout=0.0))
    assert words.loss == "The loss is the cross entropy, weighted inversely to class frequency."
    assert words.networks.startswith("Training stops after 7 epochs")
    assert "trained once more" not in words.networks
    assert "each epoch while the weights change" in words.curves
    assert words.validation.startswith("The validation part decides which epoch is kept; the test")


def test_fused_mlp_says_what_its_options_do():
    words = training_words(mlp(soft_labels=True, class_weights="none"))
    assert words.loss == (
        "The loss is the cross entropy. Clips with votes are trained on the fraction of votes for "
        "each class. 10 % of each training target is spread over all classes."
    )
    assert words.networks.startswith("5 networks with different initial weights")
    assert "The weights after the last epoch are kept. The networks are then" in words.networks
    assert "each epoch, with dropout, mirrored faces and mixed clips, while" in words.curves
    assert "calibrates the probabilities and is trained on at the end;" in words.validation


def test_fused_mlp_without_its_extras():
    options = {"ensemble": 1, "refit": False, "calibrate": False, "mirror": False, "mixup": 0}
    words = training_words(mlp(fusion=options))
    assert words.networks == "The weights after the last epoch are kept."
    assert "each epoch, with dropout, while" in words.curves
    assert words.validation.startswith("The validation part shows the progress of training;")
    once_more = training_words(mlp(fusion=options | {"refit": True, "keep": "best"}))
    assert "The network is then trained once more" in once_more.networks
    assert "decides which epoch is kept and is trained on at the end" in once_more.validation
