"""A clip's text as numbers: the feature group `text` beside those of the face.

`tfidf`: words and pairs of words of the training part's texts, weighted by how few texts contain
them (TF-IDF) and reduced to their principal directions (latent semantic analysis). `embedding`: the
mean of a language model's last hidden states, scaled to length 1, as in sentence-transformers.

References:
- S. Deerwester et al., "Indexing by latent semantic analysis", JASIS 1990.
- N. Reimers, I. Gurevych, "Sentence-BERT", EMNLP 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.splits.read import SplitTable
from facewave.storage.parquet import read_parquet
from facewave.text.words import TOKEN_PATTERN

GROUP = "text"
KINDS = ("tfidf", "embedding")
_LONGEST_TEXT_TOKENS = 256
_BATCH = 64

Features = NDArray[np.float32]
# Turns n texts into float32 (n, d); zeros where a clip has no text.
TextFeatures = Callable[[Sequence[str | None]], Features]


class TextFeatureError(ValueError):
    """No features can be made of the texts; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How texts become numbers (config section `text_fusion`).

    Attributes:
        kind: see `KINDS`.
        size: of `tfidf`: largest number of features per clip.
        model: of `embedding`: folder of a checkpoint, or id on the Hugging Face hub.
        revision: of `embedding`: branch, tag or commit on the hub.
    """

    kind: str
    size: int
    model: str
    revision: str | None = None


def read_split_texts(path: str | Path) -> list[str | None]:
    """Return the text of each clip of a split, in its order; None where a clip has no text."""
    table = read_parquet(path, ["text"])
    return [text if text and text.strip() else None for text in table.column("text").to_pylist()]


def fit_text_features(
    texts: Sequence[str | None], options: TextOptions, *, seed: int, threads: int = 1
) -> TextFeatures:
    """Return a function that turns texts into features.

    Args:
        texts: of the training part alone, which decides all weights and directions.
        options: see `TextOptions`.
        seed: of the reduction.
        threads: torch's threads, for embeddings.

    Raises:
        TextFeatureError: no clip of the training part has a text, or no text has a word.
        WeightsError: the weights of an embedding are not available.
    """
    known = [text for text in texts if text]
    if not known:
        raise TextFeatureError(
            "no clip of the training part has a text: join transcripts, descriptions or "
            "captions to the manifest (datasets.<name>.texts), or leave out text_fusion"
        )
    if options.kind == "tfidf":
        return _tfidf(known, size=options.size, seed=seed)
    if options.kind == "embedding":
        return _embedding(options.model, revision=options.revision, threads=threads)
    raise TextFeatureError(
        f"text_fusion.kind: expected one of {', '.join(KINDS)}, found {options.kind!r}"
    )


def text_weights(options: TextOptions) -> dict[str, str]:
    """Return the commit or the digest of an embedding's weights; nothing for `tfidf`.

    Raises:
        WeightsError: the weights are not available.
    """
    if options.kind != "embedding":
        return {}
    from facewave.pretrained import weights_identity

    return weights_identity(_folder(options.model, options.revision))


def _folder(model: str, revision: str | None) -> Path:
    from facewave.pretrained import find_weights

    return find_weights(model, revision=revision, setting="text_fusion.model", processor=False)


def with_texts(table: SplitTable, features: Features) -> SplitTable:
    """Return a split's table with the group `text`, float32 (n, d), beside its others."""
    return replace(
        table,
        groups={**table.groups, GROUP: features},
        shapes={**table.shapes, GROUP: features.shape[1:]},
    )


def _tfidf(known: Sequence[str], *, size: int, seed: int) -> TextFeatures:
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=TOKEN_PATTERN)
    try:
        weights = vectorizer.fit_transform(known)
    except ValueError as error:
        raise TextFeatureError(
            f"the texts of the training part hold no words ({error}): check `text` in the manifest"
        ) from error
    width = min(size, weights.shape[1])
    reduction = TruncatedSVD(width, random_state=seed) if width < weights.shape[1] else None
    if reduction:
        reduction.fit(weights)

    def features(texts: Sequence[str | None]) -> Features:
        values = vectorizer.transform([text or "" for text in texts])
        reduced = reduction.transform(values) if reduction else values.toarray()
        return np.ascontiguousarray(reduced, np.float32)

    return features


def _embedding(model: str, *, revision: str | None, threads: int) -> TextFeatures:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = _folder(model, revision)
    torch.set_num_threads(threads)
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    network = AutoModel.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=torch.float32,
    ).train(False)
    longest = min(_LONGEST_TEXT_TOKENS, int(network.config.max_position_embeddings))

    @torch.inference_mode()
    def embed(texts: list[str]) -> Features:
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        hidden = network(**tokens).last_hidden_state  # (n, tokens, d)
        mask = tokens["attention_mask"][..., None]
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
        return _array(torch.nn.functional.normalize(mean))

    def features(texts: Sequence[str | None]) -> Features:
        values = np.zeros((len(texts), network.config.hidden_size), np.float32)
        rows = [row for row, text in enumerate(texts) if text]
        for start in range(0, len(rows), _BATCH):
            chosen = rows[start : start + _BATCH]
            values[chosen] = embed([texts[row] or "" for row in chosen])
        return values

    return features


def _array(values: Any) -> Features:
    return np.asarray(values.numpy(), np.float32)
