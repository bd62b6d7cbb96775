"""PocketSphinx with the model of its package, on noise and on real speech."""

import pytest

from facewave.datasets.adapters.ravdess import STATEMENTS
from facewave.speech.engines import EngineOptions, find_engine
from facewave.speech.sound import level_dbfs, read_sound
from facewave.speech.word_errors import add_up, word_errors
from tests.speech.sound_files import noise, silence


@pytest.fixture(scope="module")
def engine():
    return find_engine(EngineOptions(engine="pocketsphinx", model="unused"))


@pytest.fixture(scope="module")
def hear(engine):
    return engine.load()


def test_its_release_is_its_revision(engine):
    assert (engine.model, engine.revision, engine.language) == ("en-us", "5.1.1", "en")


def test_what_is_too_short_has_no_words(hear):
    for samples in (silence(0), noise(0.01)):
        answer = hear(samples)
        assert (answer.text, answer.confidence) == ("", None)


def test_real_speech(hear, real_clips):
    folder = real_clips / "ravdess" / "Video_Speech_Actor_01" / "Actor_01"
    errors, answers = [], []
    for path in sorted(folder.glob("01-01-*.mp4")):
        samples = read_sound(path)
        answer = hear(samples)
        answers.append((samples, answer))
        assert 0 < answer.confidence <= 1
        errors.append(word_errors(STATEMENTS[path.stem.split("-")[4]], answer.text))
    total = add_up(errors)
    assert total.words == 12
    # 7 errors in 12 words where this was written: an old engine, and a quiet recording.
    assert total.rate <= 0.75
    assert any("door" in answer.text for _, answer in answers)
    # What was heard before does not count: the first answer again, after the others.
    samples, first = answers[0]
    assert hear(samples) == first


def test_video_only_clips_have_a_track_of_silence(real_clips):
    folder = real_clips / "ravdess" / "Video_Speech_Actor_01" / "Actor_01"
    for path in folder.glob("02-*.mp4"):
        assert level_dbfs(read_sound(path)) < -60
