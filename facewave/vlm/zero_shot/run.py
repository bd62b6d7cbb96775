"""Ask a pretrained model which emotion each clip of a test part shows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facewave.evaluation.predictions import INVALID_ANSWER, join_parts, write_predictions
from facewave.prompts import questions as prompts
from facewave.prompts.chat import chat_template
from facewave.prompts.face_words import check_layout, face_words
from facewave.splits.read import SplitTable, read_split
from facewave.storage.answer_index import write_answer_index
from facewave.storage.tables import iter_rows, write_csv
from facewave.tracking.track_bucket import TRACK_COLUMNS
from facewave.training import use_threads
from facewave.vlm.conversation import Asker, Turn
from facewave.vlm.inputs.pictures import ClipPictures, read_media
from facewave.vlm.inputs.shown_clips import ShownClips
from facewave.vlm.zero_shot.answer_store import Question, Said, ask_all, conversation_digest
from facewave.vlm.zero_shot.models import AskerOptions, find_asker

_log = logging.getLogger("facewave")

ANSWER_COLUMNS = ("clip_id", "actual", "answer", "read_as")
Build = Callable[..., tuple[str, Asker]]


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """Files and options of one job.

    Attributes:
        manifest: the manifest (Parquet).
        tracks: indexes of the trajectories, of all buckets.
        store: folder of the content-addressed store.
        test: the test part (Parquet).
        predictions: to write (Parquet).
        answers: to write (CSV): what was said to each clip, and how it was read.
        index: to write (TSV) before anything is asked: the keys of the answers in the store.
        options: of `facewave.vlm.plan.zero_shot_params` or `untrained_params`.
        default_fps: frames a second where neither container nor manifest names one.
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


def zero_shot(job: ZeroShot, *, threads: int, gpus: int, build: Build = find_asker) -> None:
    """Ask about every clip of the test part and write what was answered.

    Raises:
        WeightsError: the pretrained weights cannot be had.
        ValueError: options, split or weights do not fit; saying what to do.
        UnreadableVideoError: a clip was tracked, but its video is gone or another one.
    """
    options = job.options
    groups = ("blendshapes",) if options["face_words"] else ()
    table = read_split(job.test, groups=groups)
    if options["face_words"]:
        check_layout(table.metadata.get("features", {}))
    with use_threads(threads):
        asker_options = AskerOptions(**options["model"], seed=job.seed)
        family, asker = build(asker_options, table.classes, gpus=gpus)
        shown, texts = shown_clips(
            job.manifest,
            job.tracks,
            store=job.store,
            default_fps=job.default_fps,
            count=asker_options.frames,
            choice=options["frame_choice"],
        )
        written = questions_text(table, texts, options, family, cut=_cut(options, asker))
        questions = [
            Question(clip_id=clip_id, parts=_parts(job, asker, shown, table.classes, clip_id, text))
            for clip_id, text in zip(table.clip_ids, written, strict=True)
        ]
        keys = [(question.clip_id, question.key) for question in questions]
        write_answer_index(Path(job.index), keys)
        by_clip = dict(zip(table.clip_ids, written, strict=True))

        def ask(batch: Sequence[Question]) -> list[Said]:
            conversations = [
                [Turn(text=by_clip[question.clip_id], video=shown(question.clip_id))]
                for question in batch
            ]
            if options["scoring"] == "likelihood":
                scores = asker.score(conversations, table.classes)
                return [Said(scores=row) for row in scores]
            said = asker.answer(conversations, max_new_tokens=options["max_new_tokens"], seed=None)
            return [Said(text=text) for text in said]

        said = ask_all(questions, ask, store=Path(job.store), batch_size=options["batch_size"])
    _write(job, table, said, asker)


def shown_clips(
    manifest: str,
    tracks: Sequence[str],
    *,
    store: str,
    default_fps: float,
    count: int,
    choice: str,
) -> tuple[ShownClips, dict[str, str | None]]:
    """Return what decodes a dataset's clips, and each clip's own text, by clip id."""
    media, texts = read_media(Path(manifest), tracks, default_fps=default_fps)
    rows = [row for index in tracks for row in iter_rows(Path(index), TRACK_COLUMNS)]
    contents = {row["clip_id"]: row["content_sha256"] for row in rows}
    rates = {row["clip_id"]: float(row["fps"] or 0.0) for row in rows}
    pictures = ClipPictures(media=media, store=Path(store), count=count, choice=choice)
    return ShownClips(pictures=pictures, contents=contents, rates=rates), texts


def questions_text(
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
        # The instruction-tuned checkpoints are asked in their own way.
        template = prompts.TEMPLATES["question_text" if known else "question"]
    written = []
    for row, clip_id in enumerate(table.clip_ids):
        parts = [cut(texts.get(clip_id) or "")] if options["use_text"] else []
        if options["face_words"]:
            shape = table.shapes["blendshapes"]
            values = table.groups["blendshapes"][row].reshape(shape)
            parts.append(face_words(values, valid=bool(table.valid[row])))
        text = " ".join(filter(None, parts)) or None
        written.append(prompts.render(template, classes=table.classes, text=text))
    return written


def _cut(options: Mapping[str, Any], asker: Asker) -> Callable[[str], str]:
    tokens = options.get("text_tokens")
    if tokens is None or not options["use_text"]:
        return str
    return partial(prompts.shorten, tokenizer=asker.tokenizer, tokens=tokens)


def _parts(
    job: ZeroShot,
    asker: Asker,
    shown: ShownClips,
    classes: Sequence[str],
    clip_id: str,
    text: str,
) -> dict[str, Any]:
    options = job.options
    how: dict[str, Any] = {"scoring": options["scoring"]}
    if options["scoring"] == "answer":
        how["max_new_tokens"] = options["max_new_tokens"]
    else:
        # A question of one's own need not name the classes that are scored.
        how["classes"] = list(classes)
    return {
        "version": job.version,
        "asker": asker.identity,
        "prompt": conversation_digest([Turn(text=text)], [None]),
        "text": text,
        "clip": shown.parts(clip_id),
        "seed": job.seed,
        **how,
    }


def _write(job: ZeroShot, table: SplitTable, said: Sequence[Said], asker: Asker) -> None:
    classes = table.classes
    words = job.options["scoring"] == "answer"
    if words:
        places = [prompts.parse_answer(answer.text, classes) for answer in said]
        shares = np.zeros((len(said), len(classes) + 1), np.float32)
        invalid = len(classes)
        shares[np.arange(len(said)), [invalid if p is None else p for p in places]] = 1.0
        _log.info("%d of %d answers name no class", places.count(None), len(said))
    else:
        shares = softmax(np.stack([_scores(answer, len(classes)) for answer in said]))
        places = [int(place) for place in shares.argmax(axis=1)]
    metadata = {
        "model": job.options["model"]["model"],
        "asker": asker.identity,
        "seed": job.seed,
        "options": dict(job.options),
        "data_sha256": {"test": table.metadata.get("data_sha256")},
    }
    answers = join_parts({"test": table}, {"test": shares}, metadata=metadata)
    if words:
        answers = replace(answers, classes=(*classes, INVALID_ANSWER))
    write_predictions(Path(job.predictions), answers)
    rows = [
        (clip_id, classes[label], answer.text, "" if place is None else classes[place])
        for clip_id, label, answer, place in zip(
            table.clip_ids, table.labels, said, places, strict=True
        )
    ]
    write_csv(Path(job.answers), ANSWER_COLUMNS, rows)


def _scores(said: Said, classes: int) -> NDArray[np.float32]:
    if said.scores is None or said.scores.shape != (classes,):
        raise ValueError("a stored answer lacks its scores: remove store/answers and run again")
    return said.scores


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the shares, float32 (n, C), that scores (n, C) stand for."""
    raised = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
