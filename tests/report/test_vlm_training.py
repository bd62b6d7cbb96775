"""What the page says of the vision-language models: clips, curves, commits, wrong answers."""

import json
from dataclasses import replace

import pytest

from facewave.evaluation.names import LINEAR, MLP, SAME_CLIPS
from facewave.evaluation.predictions import read_predictions, write_predictions
from facewave.report.dataset import read_folds
from facewave.report.vlm_training import ModelFiles, clips_learned, read_shown
from tests.report.report_files import HOSTILE, write_answers
from tests.report.report_page import write

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def model(folder, files, name, *, fold_clips, stage, score="uar", scores=None):
    """Write the files of a model of `vlm`, one training per number of clips."""
    answers, metrics, movement = [], [], []
    for number, clips in enumerate(fold_clips):
        place = folder / "vlm" / name / stage / f"fold-{number}"
        place.mkdir(parents=True)
        path = write_answers(place / "predictions.parquet")
        about = {"model": HOSTILE, "commit": COMMIT, "software": "CPU, torch 2"}
        if stage != "zero_shot":
            about |= {"clips": clips, "best_epoch": 2}
        write_predictions(path, replace(read_predictions(path), metadata=about))
        answers.append(path)
        rows = [f"{epoch},{1 / epoch},{2 / epoch},0.5,{0.2 * epoch}" for epoch in (1, 2, 3)]
        header = f"epoch,train_loss,val_loss,train_{score},val_{score}"
        (place / "metrics.csv").write_text("\n".join([header, *rows]) + "\n")
        metrics.append(place / "metrics.csv")
        moved = f"{HOSTILE},gate,12345,1,{0.003 * (number + 1)},{0.003 * (number + 1)}"
        (place / "movement.csv").write_text(f"module,part,parameters,scale,change,moved\n{moved}\n")
        movement.append(place / "movement.csv")
    trained = stage in ("adaptation", "fine_tuning")
    return ModelFiles(
        scores=scores or files.scores,
        answers=answers,
        metrics=metrics if trained else [],
        movement=movement if trained else [],
        family=name,
        stage=stage,
    )


@pytest.fixture
def models(artefacts, tmp_path):
    counts = {"zero_shot": [0], "adaptation": [18], "fine_tuning": [14], "fusion": [0]}
    found = {
        f"Model <i>: {stage}": model(
            tmp_path, artefacts.files, "paligemma", fold_clips=clips, stage=stage
        )
        for stage, clips in counts.items()
    }
    fair = model(tmp_path, artefacts.files, "mlp", fold_clips=[32], stage="fair")
    return {**found, SAME_CLIPS: replace(fair, family="", stage="")}


def test_the_page_shows_what_each_model_learned_from_and_how(artefacts, models, tmp_path):
    path, page = write(artefacts, tmp_path / "page", models=models)
    text = path.read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "Model <i>" not in text
    assert '<a href="#vlm">' in text
    # Training part of 6 clips, of which the score of the first model stands in the same column.
    assert page.row("Model <i>: adaptation")[0][0] == "18"
    assert page.row("Model <i>: fine_tuning")[0][0] == "32"
    assert page.row("Model <i>: zero_shot")[0][0] == "0"
    assert page.row(SAME_CLIPS)[0][0] == "32"
    # Below: weights, commit, clips of the stage alone, epochs, epoch kept, software.
    assert page.row("Model <i>: fine_tuning")[1] == [
        *(HOSTILE, COMMIT[:12], "14", "3", "2", "CPU, torch 2")
    ]
    assert page.row(HOSTILE) == [["gate", "12,345", "0.3"]] * 2  # two stages were trained
    assert text.count("Curves: loss in training and validation") == 2
    assert text.count("Confusion matrix") == 5  # that of the MLP stands above
    assert "Transformers" in text


def test_ranges_are_over_folds_and_a_refit_mlp_has_seen_the_validation_part(artefacts, tmp_path):
    files = artefacts.files
    folds = read_folds(files.splits)
    shown = {
        stage: model(tmp_path, files, "qwen", fold_clips=clips, stage=stage)
        for stage, clips in (("adaptation", [10, 12]), ("fine_tuning", [5, 5]))
    }
    parts = folds[0].parts
    found = clips_learned(shown, folds, refit=True)
    assert found["adaptation"] == "10 to 12"
    assert found["fine_tuning"] == "15 to 17"
    assert found[LINEAR] == str(parts["train"].clips)
    assert found[MLP] == str(parts["train"].clips + parts["val"].clips)
    assert clips_learned(shown, folds, refit=False)[MLP] == found[LINEAR]
    # The first stage is found beside the second where the page does not show it.
    alone = clips_learned({"x": shown["fine_tuning"]}, folds, refit=False)
    assert alone["x"] == "15 to 17"
    ((module,),) = (
        model.moved for model in read_shown({"x": shown["adaptation"]}, ["fold-0", "fold-1"])
    )
    assert (module.least, module.most) == (0.003, 0.006)


def test_values_are_shown_by_the_score_that_chose_the_epoch(artefacts, tmp_path):
    scores = tmp_path / "regression.json"
    scores.write_text(json.dumps({"targets": [], "mean_of_training": []}))
    given = model(
        tmp_path,
        artefacts.files,
        "paligemma",
        fold_clips=[4],
        stage="adaptation",
        score="mae",
        scores=scores,
    )
    (shown,) = read_shown({"values": given}, ["fold"])
    assert (shown.score, shown.confusion) == ("mae", None)
    assert shown.curves[1].alt == "Curves: MAE in training and validation"
    assert shown.clips == (4, 4)


def test_a_training_without_epochs_is_refused(artefacts, tmp_path):
    given = model(tmp_path, artefacts.files, "qwen", fold_clips=[4], stage="adaptation")
    given.metrics[0].write_text("epoch\n")
    with pytest.raises(ValueError, match=r"metrics\.csv: no epoch.*train again"):
        read_shown({"x": given}, ["fold"])
