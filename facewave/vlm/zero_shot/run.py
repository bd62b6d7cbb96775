"""Ask a zero-shot model which emotion each clip of a test part shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.predictions import INVALID_ANSWER, join_parts, write_predictions
from facewave.prompts.face_words import check_layout, face_words
from facewave.prompts.questions import TEMPLATES, chat_template, parse_answer, render, shorten
from facewave.splits.read import SplitTable, read_split
from facewave.storage.key_index import write_key_index
from facewave.storage.tables import write_csv
from facewave.training import use_threads
from facewave.video.isolated import Bounds
from facewave.video.reader_pool import ReaderPool
from facewave.vlm.heads import softmax
from facewave.vlm.inputs.clip_reader import ClipReader, make_reader
from facewave.vlm.inputs.conversation import Conversation, Turn, ZeroShotModel
from facewave.vlm.zero_shot.answer_store import (
    Question,
    StoredAnswer,
    ask_all,
    conversation_digest,
)
from facewave.vlm.zero_shot.models import ZeroShotOptions, find_model

_log = logging.getLogger("facewave")

ANSWER_COLUMNS = ("clip_id", "actual", "answer", "read_as")
FindModel = Callable[..., tuple[str, ZeroShotModel]]


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """Files and options of one job.

    Attributes:
        manifest: the manifest (Parquet).
        tracks: indexes of the trajectories, of all buckets.
        store: folder of the content-addressed store.
        test: the test part (Parquet).
        predictions: to write (Parquet).
        answers: to write (CSV): the answer about each clip, and how it was read.
        index: to write (TSV) before anything is asked: the keys of the answers in the store.
        options: of `facewave.vlm.plan.zero_shot_params` or `untrained_params`.
        default_fps: frames per second where neither container nor manifest names one.
        video: what reading a video may take, see `facewave.video.isolated.Bounds`.
        seed: of the toys' weights; part of the answers' keys.
        version: `ZERO_SHOT_VERSION`.
    """

    manifest: str
    tracks: Sequence[str]
    store: str
    test: str
    predictions: str
    answers: str
    index: str
    options: Mapping[str, Any]
    default_fps: float
    seed: int
    version: int
    video: Mapping[str, Any] = field(default_factory=dict)


def zero_shot(job: ZeroShot, *, threads: int, gpus: int, find: FindModel = find_model) -> None:
    """Ask about every clip of the test part and write the answers.

    Raises:
        WeightsError: the pretrained weights cannot be had.
        ValueError: options, split or weights do not fit; saying what to do.
        UnreadableVideoError: a clip was tracked, but its video is gone or has changed.
    """
    options = job.options
    groups = ("blendshapes",) if options["face_words"] else ()
    table = read_split(job.test, groups=groups)
    if options["face_words"]:
        check_layout(table.metadata.get("features", {}))
    with use_threads(threads):
        model_options = ZeroShotOptions(**options["model"], seed=job.seed)
        family, model = find(model_options, table.classes, gpus=gpus)
        reader, texts = make_reader(
            job.manifest,
            job.tracks,
            store=job.store,
            default_fps=job.default_fps,
            count=model_options.frames,
            choice=options["frame_choice"],
            read=ReaderPool(Bounds(**job.video), count=threads),
            image=options.get("image", "frame"),
            size=lambda: model.frame_size,
        )
        written = question_texts(table, texts, options, family, cut=_cut(options, model))
        questions = [
            Question(clip_id=id_, parts=_key_parts(job, model, reader, table.classes, id_, text))
            for id_, text in zip(table.clip_ids, written, strict=True)
        ]
        keys = [(question.clip_id, question.key) for question in questions]
        write_key_index(Path(job.index), keys)
        by_clip = dict(zip(table.clip_ids, written, strict=True))

        def prepare(question: Question) -> Conversation:
            video = reader.frames(question.clip_id)
            return [Turn(text=by_clip[question.clip_id], video=video)]

        def ask(_: Sequence[Question], conversations: Sequence[Conversation]) -> list[StoredAnswer]:
            if options["scoring"] == "likelihood":
                scores = model.score(conversations, table.classes)
                return [StoredAnswer(scores=row) for row in scores]
            tokens = options["max_new_tokens"]
            answers = model.answer(conversations, max_new_tokens=tokens, seed=None)
            return [StoredAnswer(text=text) for text in answers]

        size = options["batch_size"]
        answers = ask_all(
            questions, ask, prepare=prepare, store=Path(job.store), batch_size=size, threads=threads
        )
    _write(job, table, answers, model)


def question_texts(
    table: SplitTable,
    texts: Mapping[str, str | None],
    options: Mapping[str, Any],
    family: str,
    *,
    cut: Callable[[str], str] = str,
) -> list[str]:
    """Return the question about each clip of a part; `cut` shortens the clips' own texts."""
    known = options["use_text"] or options["face_words"]
    template = chat_template(options["prompt"], text=known)
    if family == "paligemma" and options["prompt"] == "question":
        # The instruction-tuned checkpoints expect a form of their own.
        template = TEMPLATES["question_text" if known else "question"]
    written = []
    for row, clip_id in enumerate(table.clip_ids):
        parts = [cut(texts.get(clip_id) or "")] if options["use_text"] else []
        if options["face_words"]:
            shape = table.shapes["blendshapes"]
            values = table.groups["blendshapes"][row].reshape(shape)
            parts.append(face_words(values, valid=bool(table.valid[row])))
        text = " ".join(filter(None, parts)) or None
        written.append(render(template, classes=table.classes, text=text))
    return written


def _cut(options: Mapping[str, Any], model: ZeroShotModel) -> Callable[[str], str]:
    tokens = options.get("text_tokens")
    if tokens is None or not options["use_text"]:
        return str
    return partial(shorten, tokenizer=model.tokenizer, tokens=tokens)


def _key_parts(
    job: ZeroShot,
    model: ZeroShotModel,
    reader: ClipReader,
    classes: Sequence[str],
    clip_id: str,
    text: str,
) -> dict[str, Any]:
    options = job.options
    how: dict[str, Any] = {"scoring": options["scoring"]}
    if options["scoring"] == "answer":
        how["max_new_tokens"] = options["max_new_tokens"]
    else:
        # A user's own question need not name the classes that are scored.
        how["classes"] = list(classes)
    return {
        "version": job.version,
        # The names here are part of the keys of stored answers.
        "asker": model.identity,
        "prompt": conversation_digest([Turn(text=text)], [None]),
        "text": text,
        "clip": reader.key_parts(clip_id),
        "seed": job.seed,
        **how,
    }


def _write(
    job: ZeroShot, table: SplitTable, answers: Sequence[StoredAnswer], model: ZeroShotModel
) -> None:
    classes = table.classes
    words = job.options["scoring"] == "answer"
    if words:
        named = [parse_answer(answer.text, classes) for answer in answers]
        probabilities = np.zeros((len(answers), len(classes) + 1), np.float32)
        invalid = len(classes)
        columns = [invalid if index is None else index for index in named]
        probabilities[np.arange(len(answers)), columns] = 1.0
        _log.info("%d of %d answers name no class", named.count(None), len(answers))
    else:
        probabilities = softmax(np.stack([_scores(answer, len(classes)) for answer in answers]))
        named = [int(index) for index in probabilities.argmax(axis=1)]
    metadata = {
        "model": job.options["model"]["model"],
        "asker": model.identity,
        "seed": job.seed,
        "options": dict(job.options),
        "data_sha256": {"test": table.metadata.get("data_sha256")},
    }
    predictions = join_parts({"test": table}, {"test": probabilities}, metadata=metadata)
    if words:
        predictions = replace(predictions, classes=(*classes, INVALID_ANSWER))
    write_predictions(Path(job.predictions), predictions)
    rows = [
        (clip_id, classes[label], answer.text, "" if index is None else classes[index])
        for clip_id, label, answer, index in zip(
            table.clip_ids, table.labels, answers, named, strict=True
        )
    ]
    write_csv(Path(job.answers), ANSWER_COLUMNS, rows)


def _scores(answer: StoredAnswer, classes: int) -> NDArray[np.float32]:
    if answer.scores is None or answer.scores.shape != (classes,):
        raise ValueError("a stored answer lacks its scores: remove store/answers and run again")
    return answer.scores
