"""Training curves, the epoch that is kept, and how the MLP was trained in words."""

import json

import pytest

from facewave.config.check import check_config
from facewave.mlp.model import predict, training_record
from facewave.mlp.parts import without_features
from facewave.mlp.train import Epoch
from facewave.report.training import CURVES, read_training, training_words
from tests.mlp.quick_training import FUSED, PLAIN, fit_model, fused, make_table
from tests.report import report_files
from tests.report.report_files import write_answers, write_training


def mlp(**options):
    return check_config({"mlp": options})["mlp"]


def words_of(options, **record):
    return training_words([report_files.training_record(options, **record)])


def test_curves_are_columns_of_the_training():
    assert set(CURVES) < set(Epoch.__dataclass_fields__)


def test_the_epoch_kept_is_that_of_the_checkpoint(page):
    assert page.row("80-10-10") == [["4", "3", "0.500", "75.0", "75.0"]]


def test_a_training_without_epochs_is_refused(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,train_loss\n", encoding="utf-8")
    with pytest.raises(ValueError, match="train again"):
        read_training({"a": path}, {"a": write_answers(tmp_path / "a.parquet")})


def test_predictions_of_another_training_are_refused(tmp_path):
    record = report_files.training_record(mlp(), epochs=5)
    answers = write_answers(tmp_path / "a.parquet", record)
    with pytest.raises(ValueError, match="of another training than"):
        read_training({"a": write_training(tmp_path / "metrics.csv", 0)}, {"a": answers})


def test_plain_mlp_stops_early_and_uses_the_validation_part_for_that():
    words = words_of(mlp(**report_files.PLAIN, patience=7, dropout=0.0))
    assert words.loss == "The loss is the cross entropy, weighted inversely to class frequency."
    assert words.networks.startswith("Training stops after 7 epochs")
    assert words.networks.endswith("(ties: the lower validation loss): epoch 3.")
    assert "trained once more" not in words.networks
    assert "each epoch while the weights change" in words.curves
    assert words.validation.startswith("The validation part decides which epoch is kept; the test")
    assert words.probabilities == (
        "The probabilities are for classes that are equally frequent. They are not calibrated."
    )


def test_fused_mlp_says_what_its_options_do():
    words = words_of(mlp(soft_labels=True, class_weights="none"), epochs=60, temperature=1.104)
    assert words.loss == (
        "The loss is the cross entropy. Clips with votes are trained on the fraction of votes for "
        "each class. 10 % of each training target is spread over all classes."
    )
    assert words.networks.startswith(
        "Each feature group is reduced to at most 192 principal directions. 5 networks with "
        "different initial weights"
    )
    assert "after the last epoch are kept (epoch 60). The networks are then" in words.networks
    assert "each epoch, with dropout, mirrored faces and mixed clips, while" in words.curves
    assert "calibrates the probabilities and is trained on at the end;" in words.validation
    assert words.probabilities.startswith(
        "The probabilities are for classes as frequent as in training."
    )
    assert "divided by a temperature of 1.10, fitted on" in words.probabilities


def test_fused_mlp_without_its_extras():
    options = {"ensemble": 1, "refit": False, "calibrate": False, "mirror": False, "mixup": 0}
    words = words_of(mlp(fusion=options))
    assert words.networks.endswith(
        "directions. The weights after the last epoch are kept (epoch 3)."
    )
    assert "each epoch, with dropout, while" in words.curves
    assert words.validation.startswith("The validation part shows the progress of training;")
    once_more = words_of(mlp(fusion=options | {"refit": True, "keep": "best"}))
    assert "The network is then trained once more" in once_more.networks
    assert "decides which epoch is kept and is trained on at the end" in once_more.validation


def test_folds_that_differ_are_a_range():
    records = [
        report_files.training_record(mlp(fusion={"keep": "best"}), epochs=n, temperature=t)
        for n, t in ((7, 0.9), (12, 1.2))
    ]
    records[1]["options"]["fusion"]["projection"] = 384
    words = training_words(records)
    assert "at most 192 to 384 principal directions" in words.networks
    assert "epoch 7 to 12." in words.networks
    assert "a temperature of 0.90 to 1.20" in words.probabilities


@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        FUSED,
        fused(keep="best", refit=False),
        fused(calibrate=False, ensemble=1, refit=False),
        fused(label_smoothing=0.0),
    ],
)
def test_the_sentences_are_true_of_the_model(tmp_path, options):
    """What is said is held against what training did, for each sentence that can be false."""
    train = make_table(tmp_path, 60, name="train", seed=1, invalid=2)
    val = make_table(tmp_path, 31, name="val", seed=2)
    model, _ = fit_model(tmp_path, train, val, options=options)
    record = json.loads(json.dumps(training_record(model)))
    answers = write_answers(tmp_path / "p.parquet", record)
    [run] = read_training({"f": tmp_path / "metrics.csv"}, {"f": answers})
    words = training_words([run.record])

    last = run.kept == run.epochs - 1
    best = max(
        range(run.epochs), key=lambda i: (run.curves["val_uar"][i], -run.curves["val_loss"][i])
    )
    if "last epoch are kept" in words.networks:
        assert last
        assert run.epochs == options.max_epochs
    else:
        assert "highest one are kept" in words.networks
        assert run.kept == best
    assert f"epoch {model.best_epoch}" in words.networks

    # Trained on both parts, the frequencies are those of all of their clips.
    share = 31 / 91 if "trained once more" in words.networks else 20 / 60
    assert float(model.prior[0]) == pytest.approx(share)
    members = len(model.network.layers.weights[0]) if options.fusion else 1
    assert (f"{members} networks with different" in words.networks) == (members > 1)
    projection = model.network.projection
    directions = [basis.shape[1] for basis in projection.bases] if projection else []
    assert ("principal directions" in words.networks) == bool(directions)
    assert all(width <= options.fusion.projection for width in directions)

    temperature = float(model.network.temperature)
    calibrated = "divided by a temperature" in words.probabilities
    assert calibrated or temperature == 1.0
    if calibrated:
        assert f"temperature of {temperature:.2f}," in words.probabilities
    # Equally frequent classes: a clip of which nothing is known has the same chance for each.
    assert "equally frequent" in words.probabilities
    unknown = predict(model, train)[~train.valid][0]
    assert unknown == pytest.approx([1 / 3] * 3, abs=1e-3)
    assert unknown == pytest.approx(without_features(model.prior.numpy(), "balanced"))
