"""Answers in the store: resumed without asking twice, asked again if they must be, removed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewave.evaluation.predictions import read_predictions
from facewave.storage.key_index import ANSWERS, key_index
from facewave.storage.store import shard_path
from facewave.upkeep.prune import prune_store
from facewave.vlm.zero_shot.answer_store import Question, StoredAnswer, ask_all
from facewave.vlm.zero_shot.models import LazyModel, find_model
from facewave.vlm.zero_shot.run import zero_shot
from tests.vlm.made_up_videos import FakeModel
from tests.vlm.zero_shot_jobs import CLASSES, TINY, dataset, job, run

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Seven clips, one of which could not be tracked."""
    texts = [f"a man in room {index}" for index in range(7)]
    return dataset(tmp_path_factory.mktemp("stored") / "c", 7, untracked=[0], text=texts)


class Killed(BaseException):
    pass


def test_a_killed_job_resumes_without_asking_twice(files, tmp_path):
    store = tmp_path / "store"
    store.symlink_to(files.parent / "store")
    fake = FakeModel(lambda *_: "happy")
    task = job(files, tmp_path, prompt="Name one of {classes}.")

    def dies(conversations, **options):
        if len(fake.calls) == 3:
            raise Killed
        return FakeModel.answer(fake, conversations, **options)

    fake.answer = dies
    with pytest.raises(Killed):
        run(task, fake)
    assert not Path(task.predictions).exists()
    del fake.answer
    run(task, fake)
    assert len(fake.calls) == 7
    run(task, fake)
    assert len(fake.calls) == 7


@pytest.mark.parametrize("name", list(TINY))
def test_no_weights_are_loaded_where_all_answers_are_known(files, tmp_path, name):
    task = job(files, tmp_path, name=name)
    found, _ = run(task)

    def fails():
        raise AssertionError("the weights were loaded")

    def known(*arguments, **options):
        family, model = find_model(*arguments, **options)
        assert model.identity == model.loaded.identity
        return family, LazyModel(identity=model.identity, load=fails)

    zero_shot(task, threads=1, gpus=0, find=known)
    again = read_predictions(task.predictions)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    with pytest.raises(AssertionError, match="were loaded"):
        zero_shot(replace(task, seed=6), threads=1, gpus=0, find=known)


def test_whatever_decides_an_answer_asks_again_and_nothing_else(files, tmp_path):
    fake = FakeModel(lambda *_: "sad")

    def asks(**changes):
        before = len(fake.calls)
        run(job(files, tmp_path, **{"prompt": "Now: {classes} {text}"} | changes), fake)
        return len(fake.calls) - before

    assert asks() == 7
    assert asks(batch_size=1) == 0
    assert asks(max_new_tokens=3) == 7
    assert asks(scoring="likelihood") == 7
    assert asks(seed=6) == 7
    assert asks(use_text=True) == 7
    assert asks(face_words=True) == 7
    # Three frames of each: the untracked clip is as grey as before.
    fewer = {"models": {"qwen": {"model": "tiny-random-qwen", "frames": 2}}, "enabled": ["qwen"]}
    assert asks(**fewer) == 7
    fake.identity = {"model": "fake", "commit": "another"}
    assert asks() == 7
    assert asks() == 0


def test_other_classes_are_scored_again_if_the_question_names_none(tmp_path):
    """The same videos and words, other class names: stored likelihoods are of other words."""
    fake = FakeModel(lambda *_: "")
    for folder, classes in (("a", CLASSES), ("b", ("calm", "glad", "sad"))):
        files = dataset(tmp_path / folder, 3, classes=classes)
        task = job(files, tmp_path / folder, scoring="likelihood", prompt="What is it, say?")
        found, _ = run(task, fake)
        assert found.classes == classes
    assert len(fake.calls) == 6


def test_equal_questions_are_asked_once_and_damaged_answers_again(tmp_path):
    calls = []

    def ask(batch, prepared):
        calls.append([question.clip_id for question in batch])
        assert prepared == [question.clip_id.upper() for question in batch]
        return [StoredAnswer(text=question.clip_id) for question in batch]

    def prepare(question):
        return question.clip_id.upper()

    questions = [Question(clip_id=name, parts={"content": name[0]}) for name in ("a1", "b1", "a2")]
    answers = ask_all(questions, ask, prepare=prepare, store=tmp_path, batch_size=8)
    assert calls == [["a1", "b1"]]
    assert [answer.text for answer in answers] == ["a1", "b1", "a1"]
    path = shard_path(tmp_path, "answers", questions[1].key)
    path.write_bytes(path.read_bytes()[:-30])
    ask_all(questions, ask, prepare=prepare, store=tmp_path, batch_size=8)
    assert calls == [["a1", "b1"], ["b1"]]


def test_answers_that_no_job_needs_any_more_are_removed(files, tmp_path):
    store, results = tmp_path / "store", tmp_path / "results"
    store.mkdir()
    (files.parent / "store" / "shown_frames").mkdir(exist_ok=True)

    def show(*, media):
        for stage in ("tracks", "shown_frames"):
            if media:
                (store / stage).symlink_to(files.parent / "store" / stage)
            else:
                (store / stage).unlink()

    show(media=True)
    for name in ("one", "two"):
        keys = results / name / "keys"
        keys.mkdir(parents=True)
        (keys / "plan.json").write_text('{"bucket_count": 1, "buckets": [], "subjects": []}')
    fake = FakeModel(lambda *_: "happy")

    def ask(dataset, **changes):
        given = {
            "store": str(store),
            "index": str(key_index(results / dataset, ANSWERS, "zero_shot/q")),
        }
        run(replace(job(files, tmp_path, **changes), **given), fake)

    ask("one", prompt="First: {classes}?")
    ask("two", prompt="First: {classes}?")
    ask("two", prompt="Second: {classes}?")
    assert len(fake.calls) == 14
    show(media=False)
    pruned = prune_store(results, store, apply=True, safe_seconds=0)
    assert (pruned.removed, pruned.kept) == ((), 14)
    show(media=True)
    # No job has the first prompt any more; the index of a job that dies names its answers.
    answer = fake.answer

    def dies(conversations, **options):
        if len(fake.calls) >= 17:
            raise Killed
        return answer(conversations, **options)

    fake.answer = dies
    with pytest.raises(Killed):
        ask("one", prompt="Third: {classes}?")
    show(media=False)
    pruned = prune_store(results, store, apply=True, safe_seconds=0)
    assert (len(pruned.removed), pruned.kept) == (7, 7 + 3)
    show(media=True)
    fake.answer = answer
    ask("two", prompt="Second: {classes}?")
    assert len(fake.calls) == 17
    ask("one", prompt="Third: {classes}?")
    assert len(fake.calls) == 21
