"""Answers in the store: resumed without asking twice, asked anew where they must be, removed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from facewave.evaluation.predictions import read_predictions
from facewave.planning.prune import Pruned, prune_store
from facewave.storage.answer_index import answer_index
from facewave.storage.store import shard_path
from facewave.vlm.zero_shot.answer_store import Question, Said, ask_all
from facewave.vlm.zero_shot.models import LateAsker, find_asker
from facewave.vlm.zero_shot.run import zero_shot
from tests.vlm.asked_clips import CLASSES, TINY, dataset, job, run
from tests.vlm.vlm_videos import FakeAsker

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Seven clips, one of which could not be tracked."""
    texts = [f"a man in room {index}" for index in range(7)]
    return dataset(tmp_path_factory.mktemp("stored") / "c", 7, untracked=[0], text=texts)


class Killed(BaseException):
    pass


def test_a_killed_job_goes_on_without_asking_twice(files, tmp_path):
    store = tmp_path / "store"
    store.symlink_to(files.parent / "store")
    said = FakeAsker(lambda *_: "happy")
    asked = job(files, tmp_path, prompt="Name one of {classes}.")

    def dies(conversations, **options):
        if len(said.asked) == 3:
            raise Killed
        return FakeAsker.answer(said, conversations, **options)

    said.answer = dies
    with pytest.raises(Killed):
        run(asked, said)
    assert not Path(asked.predictions).exists()
    del said.answer
    run(asked, said)
    assert len(said.asked) == 7
    run(asked, said)
    assert len(said.asked) == 7


@pytest.mark.parametrize("name", list(TINY))
def test_no_weights_are_loaded_where_all_answers_are_known(files, tmp_path, name):
    asked = job(files, tmp_path, name=name)
    found, _ = run(asked)

    def fails():
        raise AssertionError("the weights were loaded")

    def known(*arguments, **options):
        family, asker = find_asker(*arguments, **options)
        assert asker.identity == asker.loaded.identity
        return family, LateAsker(identity=asker.identity, load=fails)

    zero_shot(asked, threads=1, gpus=0, build=known)
    again = read_predictions(asked.predictions)
    np.testing.assert_array_equal(again.probabilities, found.probabilities)
    with pytest.raises(AssertionError, match="were loaded"):
        zero_shot(replace(asked, seed=6), threads=1, gpus=0, build=known)


def test_whatever_decides_an_answer_asks_anew_and_nothing_else(files, tmp_path):
    fake = FakeAsker(lambda *_: "sad")

    def asks(**changes):
        before = len(fake.asked)
        run(job(files, tmp_path, **{"prompt": "Now: {classes} {text}"} | changes), fake)
        return len(fake.asked) - before

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


def test_other_classes_are_scored_anew_where_the_question_names_none(tmp_path):
    """The same videos and words, other class names: stored likelihoods are of other words."""
    fake = FakeAsker(lambda *_: "")
    for folder, classes in (("a", CLASSES), ("b", ("calm", "glad", "sad"))):
        files = dataset(tmp_path / folder, 3, classes=classes)
        asked = job(files, tmp_path / folder, scoring="likelihood", prompt="What is it, say?")
        found, _ = run(asked, fake)
        assert found.classes == classes
    assert len(fake.asked) == 6


def test_equal_questions_are_asked_once_and_damaged_answers_again(tmp_path):
    calls = []

    def ask(batch):
        calls.append([question.clip_id for question in batch])
        return [Said(text=question.clip_id) for question in batch]

    questions = [Question(clip_id=name, parts={"content": name[0]}) for name in ("a1", "b1", "a2")]
    said = ask_all(questions, ask, store=tmp_path, batch_size=8)
    assert calls == [["a1", "b1"]]
    assert [answer.text for answer in said] == ["a1", "b1", "a1"]
    path = shard_path(tmp_path, "answers", questions[1].key)
    path.write_bytes(path.read_bytes()[:-30])
    ask_all(questions, ask, store=tmp_path, batch_size=8)
    assert calls == [["a1", "b1"], ["b1"]]


def test_answers_that_no_job_needs_any_more_are_removed(files, tmp_path):
    store, results = tmp_path / "store", tmp_path / "results"
    (store / "tracks").parent.mkdir()
    (store / "tracks").symlink_to(files.parent / "store" / "tracks")
    for name in ("one", "two"):
        keys = results / name / "keys"
        keys.mkdir(parents=True)
        (keys / "plan.json").write_text('{"bucket_count": 1, "buckets": [], "subjects": []}')
    fake = FakeAsker(lambda *_: "happy")

    def ask(dataset, **changes):
        given = {"store": str(store), "index": str(answer_index(results / dataset, "zero_shot/q"))}
        run(replace(job(files, tmp_path, **changes), **given), fake)

    ask("one", prompt="First: {classes}?")
    ask("two", prompt="First: {classes}?")
    ask("two", prompt="Second: {classes}?")
    assert len(fake.asked) == 14
    (store / "tracks").unlink()
    assert prune_store(results, store) == Pruned(removed=0, removed_bytes=0, kept=14)
    (store / "tracks").symlink_to(files.parent / "store" / "tracks")
    # The first prompt is asked nowhere any more; a job that dies has its answers named.
    said = fake.answer

    def dies(conversations, **options):
        if len(fake.asked) >= 17:
            raise Killed
        return said(conversations, **options)

    fake.answer = dies
    with pytest.raises(Killed):
        ask("one", prompt="Third: {classes}?")
    (store / "tracks").unlink()
    pruned = prune_store(results, store)
    assert (pruned.removed, pruned.kept) == (7, 7 + 3)
    (store / "tracks").symlink_to(files.parent / "store" / "tracks")
    fake.answer = said
    ask("two", prompt="Second: {classes}?")
    assert len(fake.asked) == 17
    ask("one", prompt="Third: {classes}?")
    assert len(fake.asked) == 21
