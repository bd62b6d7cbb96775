"""Answers in the content-addressed store: asked once, and a killed job resumes at the clip."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from facewave.jobs.ahead import ahead
from facewave.jobs.log import Progress
from facewave.storage.key_index import ANSWERS
from facewave.storage.store import (
    DamagedShardError,
    content_key,
    read_shard,
    shard_path,
    write_shard,
)
from facewave.vlm.inputs.conversation import Conversation

_log = logging.getLogger("facewave")


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question about a clip.

    Attributes:
        clip_id: of the clip.
        parts: everything that decides the answer, JSON-serialisable: model, prompt, frames,
            content of the clip, seed, how it is asked.
    """

    clip_id: str
    parts: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Digest of `parts`."""
        return content_key(stage=ANSWERS, **self.parts)


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredAnswer:
    """An answer as the store holds it.

    Attributes:
        text: in words; empty where only scores were asked for.
        scores: float32 (C,), log-probability of each class; None where words were asked for.
    """

    text: str = ""
    scores: NDArray[np.float32] | None = None


P = TypeVar("P")


def ask_all(
    questions: Sequence[Question],
    ask: Callable[[Sequence[Question], Sequence[P]], Sequence[StoredAnswer]],
    *,
    prepare: Callable[[Question], P],
    store: Path,
    batch_size: int,
    threads: int = 1,
) -> list[StoredAnswer]:
    """Return one answer per question, from the store if it holds one.

    Every answer is in the store before the next batch is asked. Questions with equal keys (the
    same video twice) are asked once; a damaged answer is asked for again.

    Args:
        questions: in the order in which the answers are returned.
        ask: answers some questions, with what was prepared for each.
        prepare: for a question, in threads: the next frames are read while the model answers.
        store: folder of the content-addressed store.
        batch_size: questions at a time.
        threads: that prepare, at least two.
    """
    known: dict[str, StoredAnswer] = {}
    missing: dict[str, Question] = {}
    progress = Progress(len(questions))
    for question in questions:
        key = question.key
        if key in known or key in missing:
            progress.step(computed=False)
            continue
        answer = _read(shard_path(store, ANSWERS, key))
        if answer is None:
            missing[key] = question
        else:
            known[key] = answer
            progress.step(computed=False)
    _log.info("%d answers are in the store, %d clips to ask about", len(known), len(missing))
    asked = list(missing.values())
    with closing(ahead(prepare, asked, threads=max(2, threads), count=2 * batch_size)) as prepared:
        for batch in _batches(list(missing.items()), batch_size):
            ready = list(islice(prepared, len(batch)))
            answers = ask([question for _, question in batch], ready)
            for (key, question), answer in zip(batch, answers, strict=True):
                _write(shard_path(store, ANSWERS, key), question, answer)
                known[key] = answer
                progress.step(computed=True)
    return [known[question.key] for question in questions]


def _batches(items: list[tuple[str, Question]], size: int) -> Iterator[list[tuple[str, Question]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _read(path: Path) -> StoredAnswer | None:
    if not path.exists():
        return None
    try:
        arrays, metadata = read_shard(path)
        return StoredAnswer(text=metadata["text"], scores=arrays.get("scores"))
    except (DamagedShardError, KeyError) as error:
        _log.warning("the answer is asked for again: %s", error)
        return None


def _write(path: Path, question: Question, answer: StoredAnswer) -> None:
    arrays = {} if answer.scores is None else {"scores": np.asarray(answer.scores, np.float32)}
    write_shard(path, arrays, {"text": answer.text, "question": dict(question.parts)})


def conversation_digest(conversation: Conversation, videos: Sequence[str | None]) -> str:
    """Return the digest of a conversation: its texts, its answers and which videos they go with.

    Args:
        conversation: as the model gets it.
        videos: for each turn what decides its video (a digest); None for the clip in question,
            which the question's other parts name.
    """
    turns = [
        [turn.text, turn.answer, video] for turn, video in zip(conversation, videos, strict=True)
    ]
    return content_key(turns=turns)
