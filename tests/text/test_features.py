"""Texts as a feature group: what decides them, and the MLP that gets them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from facewave.mlp.mirror import mirror_swap
from facewave.mlp.options import FusionOptions, MlpOptions
from facewave.mlp.train import TrainingJob, fit_predict
from facewave.pretrained import WeightsError
from facewave.splits.read import read_split
from facewave.text.features import (
    TextFeatureError,
    TextOptions,
    fit_text_features,
    read_split_texts,
    with_texts,
)
from tests.splits.split_files import toy, write_split
from tests.vlm.tiny_bert import save_tiny_bert

TFIDF = TextOptions(kind="tfidf", size=4, model="unused")
TRAIN = ["the dog sits", "the cat sits", "a dog barks", None, "a cat sleeps", "the dog sleeps"]


def test_features_are_those_of_scikit_learns_steps():
    from sklearn.feature_extraction.text import TfidfVectorizer

    wide = TextOptions(kind="tfidf", size=1000, model="unused")
    found = fit_text_features(TRAIN, wide, seed=1)(TRAIN)
    known = [text or "" for text in TRAIN]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    vectorizer.fit([text for text in TRAIN if text])
    np.testing.assert_allclose(found, vectorizer.transform(known).toarray(), rtol=1e-6)
    # Words of one row have length 1; so directions of enough of them keep angles.
    narrow = fit_text_features(TRAIN, TFIDF, seed=1)(TRAIN)
    assert narrow.shape == (6, 4)
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow @ narrow.T, found @ found.T, atol=0.35)


def test_no_text_and_unknown_words_are_zeros():
    features = fit_text_features(TRAIN, TFIDF, seed=1)
    np.testing.assert_array_equal(features([None, "", "xylophone"]), np.zeros((3, 4)))


def test_only_the_training_texts_decide():
    features = fit_text_features(TRAIN, TFIDF, seed=1)
    before = features(["the dog barks"])
    features(["entirely other words that nobody said"])
    np.testing.assert_array_equal(features(["the dog barks"]), before)
    np.testing.assert_array_equal(fit_text_features(TRAIN, TFIDF, seed=1)(TRAIN), features(TRAIN))


@pytest.mark.parametrize(
    ("texts", "message"),
    [([None, None], "no clip of the training part has a text"), (["?", "!"], "hold no words")],
)
def test_nothing_to_learn_from(texts, message):
    with pytest.raises(TextFeatureError, match=message):
        fit_text_features(texts, TFIDF, seed=1)


def test_texts_of_a_split_are_in_its_order(tmp_path):
    pq.write_table(pa.table({"text": ["b", None, "  ", "a"]}), tmp_path / "t.parquet")
    assert read_split_texts(tmp_path / "t.parquet") == ["b", None, None, "a"]


def test_a_mirrored_face_says_the_same():
    swap = mirror_swap("text", (5,))
    values = np.arange(10, dtype=np.float32).reshape(2, 5)
    np.testing.assert_array_equal(swap(values), values)


@pytest.mark.parametrize("fusion", [None, FusionOptions(projection=8, mirror=False, ensemble=1)])
def test_the_network_learns_from_texts_what_the_face_does_not_show(tmp_path, fusion):
    words = ("neutral nothing", "happy joyful", "sad gloomy")
    parts, texts = {}, {}
    for seed, (name, n) in enumerate({"train": 60, "val": 30, "test": 30}.items()):
        columns = toy(n, seed=seed, signal=0.0)
        path = write_split(tmp_path / f"{name}.parquet", columns)
        parts[name] = read_split(path, groups=("blendshapes",))
        texts[name] = [words[label] for label in columns["label"]]
    features = fit_text_features(texts["train"], TFIDF, seed=0)
    scores = {}
    for inputs in (("blendshapes",), ("blendshapes", "text")):
        options = MlpOptions(
            inputs=inputs, hidden=(8,), max_epochs=40, learning_rate=0.01, fusion=fusion
        )
        tables = {name: with_texts(part, features(texts[name])) for name, part in parts.items()}
        answers = fit_predict(tables, TrainingJob(options=options, seed=0))[1]["test"].argmax(1)
        scores[len(inputs)] = float((answers == tables["test"].labels).mean())
    assert scores[1] < 0.7
    assert scores[2] > 0.95


# Embeddings


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny")


@pytest.mark.usefixtures("one_thread")
def test_embeddings_are_mean_states_of_length_one(checkpoint):
    import torch
    from transformers import AutoModel, AutoTokenizer

    options = TextOptions(kind="embedding", size=1, model=str(checkpoint))
    features = fit_text_features(["the dog"], options, seed=0)
    texts = ["the dog sits", None, "the cat", "the dog barks at the cat"]
    found = features(texts)
    assert found.shape == (4, 16)
    np.testing.assert_array_equal(found[1], np.zeros(16))
    np.testing.assert_allclose(np.linalg.norm(found[[0, 2, 3]], axis=1), 1, rtol=1e-5)
    # One by one there is no padding that could leak into the mean.
    tokenizer, network = (
        AutoTokenizer.from_pretrained(checkpoint),
        AutoModel.from_pretrained(checkpoint),
    )
    for row in (0, 2, 3):
        with torch.inference_mode():
            states = network.eval()(**tokenizer(texts[row], return_tensors="pt")).last_hidden_state
        mean = states[0].mean(0)
        np.testing.assert_allclose(found[row], mean / mean.norm(), atol=1e-5)


def test_missing_weights_of_an_embedding(tmp_path, checkpoint):
    gone = TextOptions(kind="embedding", size=1, model=str(tmp_path / "gone"))
    with pytest.raises(WeightsError, match=r"text_fusion.model: .* there is no such folder"):
        fit_text_features(["a"], gone, seed=0)
