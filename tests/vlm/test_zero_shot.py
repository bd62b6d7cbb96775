"""Zero-shot answers: prompts, scores, the model of `vlm` before training, refused inputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewave.config.check import check_config
from facewave.evaluation.evaluate import evaluate_folds, read_folds
from facewave.evaluation.predictions import INVALID_ANSWER
from facewave.pretrained import WeightsError
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.plan import untrained_params, vlm_section
from facewave.vlm.zero_shot.models import ZeroShotOptions, find_model, model_family
from tests.vlm.made_up_videos import FakeModel
from tests.vlm.zero_shot_jobs import CLASSES, TINY, dataset, job, run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Seven clips, one of which could not be tracked."""
    texts = ["a man"] * 6 + ["<|video_pad|> a woman <image>"]
    return dataset(tmp_path_factory.mktemp("zero_shot") / "c", 7, untracked=[0], text=texts)


# Asking


def test_toys_of_both_families_answer_every_clip(files, tmp_path):
    for name in TINY:
        found, rows = run(job(files, tmp_path / name, name=name))
        assert found.clip_ids == [row["clip_id"] for row in rows] == [f"c{i}" for i in range(7)]
        assert set(found.parts) == {"test"}
        assert found.classes == (*CLASSES, INVALID_ANSWER)
        assert found.valid.tolist() == [False] + [True] * 6
        assert len({row["answer"] for row in rows}) > 1  # each clip has a video of its own


def test_what_names_no_class_is_wrong_and_counted(files, tmp_path):
    answers = ["happy", "Sad.", "happy or sad", "", "HAPPY", "sad", "joy"]
    fake = FakeModel(lambda index, *_: answers[index])
    task = job(files, tmp_path, prompt="Say one of {classes}, please.")
    found, rows = run(task, fake)
    assert found.predicted.tolist() == [1, 2, 3, 3, 1, 2, 3]
    assert [row["read_as"] for row in rows] == ["happy", "sad", "", "", "happy", "sad", ""]
    train = dataset(tmp_path / "train", 3)
    scores = evaluate_folds(read_folds([task.predictions], [train / "test.parquet"]))
    assert scores["invalid_rate"] == pytest.approx(3 / 7)
    # Of 7 clips labelled 0 1 2 0 1 2 0, the fifth and the sixth are right.
    assert scores["overall"]["war"] == pytest.approx(2 / 7)


def test_likelihood_scores_are_probabilities_of_classes(files, tmp_path):
    for name in TINY:
        found, _ = run(job(files, tmp_path / name, name=name, scoring="likelihood"))
        assert found.classes == CLASSES
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)
        assert np.ptp(found.probabilities, axis=0).max() > 1e-4


def test_prompt_holds_classes_text_and_face(files, tmp_path):
    fake = FakeModel(lambda *_: "sad")
    run(job(files, tmp_path, use_text=True, face_words=True), fake)
    texts = [conversation[0].text for conversation, _ in fake.calls]
    assert all("of this list and nothing else: neutral, happy, sad." in text for text in texts)
    assert texts[0].startswith("About the video: a man No face could be measured. Which emotion")
    assert "Measured on the face, strongest first: " in texts[1]
    assert [len(conversation[0].video.images) for conversation, _ in fake.calls] == [3] * 7
    assert fake.calls[1][0][0].video.metadata.fps == 25
    assert fake.calls[1][0][0].video.images.shape == (3, 96, 96, 3)


# Refused


def test_a_video_that_is_gone_is_named(tmp_path):
    gone = dataset(tmp_path / "gone", 3)
    (gone / "videos" / "gone1.mp4").unlink()
    with pytest.raises(Exception, match=r"gone1\.mp4"):
        run(job(gone, tmp_path))


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(WeightsError, match="`model`: /no/such: there is no such folder"):
        model_family(ZeroShotOptions(model="/no/such"))


def test_other_models_are_refused(tmp_path):
    for name in ("config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text('{"model_type": "gemma2"}')
    with pytest.raises(WeightsError, match="model_type 'gemma2'"):
        model_family(ZeroShotOptions(model=str(tmp_path)))


def test_paligemma_takes_no_examples_and_no_seed():
    _, model = find_model(
        ZeroShotOptions(model="tiny-random", dtype="float32", frames=1), CLASSES, gpus=0
    )
    with pytest.raises(ValueError, match="no examples"):
        model.answer([[Turn(text="a", answer="b"), Turn(text="c")]], max_new_tokens=2, seed=None)
    with pytest.raises(ValueError, match="without a seed"):
        model.answer([[Turn(text="a")]], max_new_tokens=2, seed=1)


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="set gpus: 0"):
        find_model(ZeroShotOptions(model="tiny-random-qwen"), CLASSES, gpus=1)


# The model of `vlm` before training


def test_an_untrained_model_is_scored_as_the_verbaliser_scores(files, tmp_path):
    """As a zero-shot model it answers as the code of the trained model does."""
    import torch

    from facewave.vlm.faces.options import ModelOptions
    from facewave.vlm.fine_tuning.clips import batch_maker, read_clips
    from facewave.vlm.inputs.clip_reader import ClipReader, read_media
    from facewave.vlm.paligemma.build import build_model
    from facewave.vlm.plan import model_params

    given = {"model": "tiny-random", "dtype": "float32", "frame_choice": "uniform"}
    given |= {"use_text": True, "text_tokens": 2}
    section = vlm_section(check_config({"vlm": {**given, "heads": 2, "width": 16}}))
    task = job(files, tmp_path, seed=5)
    task = replace(task, options=untrained_params(section, max_new_tokens=4))
    found, rows = run(task)
    assert found.classes == CLASSES
    assert len({row["answer"] for row in rows}) == 1  # likelihoods, no words

    params = model_params(section, control="no_face", stage="adaptation")["model"]
    params |= {"soft_prefix": 0, "lora_rank": 0, "projector": False}
    options = ModelOptions(**params, classes=CLASSES, seed=5)
    media, texts = read_media(Path(task.manifest), task.tracks, default_fps=25.0)
    clips = read_clips({"test": task.test}, groups=(), shuffle_faces=False, seed=5, texts=texts)
    model = build_model(options).train(False)
    reader = ClipReader(
        media=media, store=Path(task.store), count=1, choice="uniform",
        size=lambda: model.backbone.frame_size,
    )  # fmt: skip
    feed = batch_maker(clips, model, images=reader.images)
    with torch.inference_mode():
        expected = model(feed(np.arange(7))).logits.float().softmax(dim=1)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)


def test_free_text_of_an_untrained_model_is_read_strictly(files, tmp_path):
    config = check_config({"vlm": {"head": "generate", "frame_choice": "uniform"}})
    section = vlm_section(config)
    options = untrained_params(section, max_new_tokens=4)
    assert (options["scoring"], options["prompt"]) == ("answer", "question")
    found, _ = run(replace(job(files, tmp_path), options=options), FakeModel(lambda *_: "joy"))
    assert set(found.predicted) == {len(CLASSES)}
