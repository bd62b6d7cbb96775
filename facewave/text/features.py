"""A clip's text as numbers: a feature group `text` beside those of the face.

`tfidf`: words and pairs of words of the training part's texts, weighed by how few texts have them,
reduced to their principal directions (latent semantic analysis). `embedding`: the mean of a
language model's last hidden states, of length 1, as sentence-transformers does it.

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
from facewave.text.words import TOKEN_PATTERN

GROUP = "text"
KINDS = ("tfidf", "embedding")
_LONGEST_TEXT_TOKENS = 256
_BATCH = 64

Features = NDArray[np.float32]
# Texts (n) to float32 (n, d); a clip without a text has zeros.
TextFeatures = Callable[[Sequence[str | None]], Features]


class TextFeatureError(ValueError):
    """There is nothing to make features of; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How texts become numbers (config section `text_fusion`).

    Attributes:
        kind: see `KINDS`.
        size: of `tfidf`: numbers a clip, at most.
        model: of `embedding`: folder of a checkpoint, or id on the Hugging Face hub.
        revision: of `embedding`: branch, tag or commit on the hub.
    """

    kind: str
    size: int
    model: str
    revision: str | None = None


def read_split_texts(path: str | Path) -> list[str | None]:
    """Return the text of each clip of a split, in its order; None where there is none."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["text"], use_threads=False)
    return [text if text and text.strip() else None for text in table.column("text").to_pylist()]


def fit_text_features(
    texts: Sequence[str | None], options: TextOptions, *, seed: int, threads: int = 1
) -> TextFeatures:
    """Return what turns texts into numbers.

    Args:
        texts: of the training part alone: no other part decides a direction or a weight.
        options: see `TextOptions`.
        seed: of the reduction.
        threads: torch's, for embeddings.

    Raises:
        TextFeatureError: if no clip of the training part has a text, or no text has a word.
        WeightsError: if the weights of an embedding cannot be had.
    """
    known = [text for text in texts if text]
    if not known:
        raise TextFeatureError(
            "no clip of the training part has a text: join transcripts, descriptions or "
            "captions to the manifest (datasets.<name>.texts), or do without text_fusion"
        )
    if options.kind == "tfidf":
        return _tfidf(known, size=options.size, seed=seed)
    if options.kind == "embedding":
        return _embedding(options.model, revision=options.revision, threads=threads)
    raise TextFeatureError(f"text_fusion.kind: {options.kind!r} is none of {', '.join(KINDS)}")


def text_weights(options: TextOptions) -> dict[str, str]:
    """Return the commit, or a digest, of the weights of an embedding; nothing without any.

    Raises:
        WeightsError: if the weights cannot be had.
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
            f"the texts of the training part hold no words ({error}): look at the manifest's text"
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
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    network = AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
    ).train(False)
    longest = min(_LONGEST_TEXT_TOKENS, int(network.config.max_position_embeddings))

    @torch.inference_mode()
    def embed(texts: list[str]) -> Features:
        tokens = tokenizer(
            texts, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        hidden = network(**tokens).last_hidden_state  # (n, tokens, d)
        shown = tokens["attention_mask"][..., None]
        mean = (hidden * shown).sum(1) / shown.sum(1).clamp(min=1)
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
