"""Describe in words what every clip of a dataset shows, after examples of another dataset."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from facewave.annotation.checks import FLAGS, TextRules, clean, shared_texts, text_flags
from facewave.annotation.examples import choose_examples, near_duplicates_of
from facewave.annotation.tables import text_rules, write_annotations
from facewave.manifest.class_lists import canonical
from facewave.manifest.clips import Clip, read_manifest
from facewave.prompts.questions import chat_template, render
from facewave.splits.near_duplicates import PAIR_COLUMNS
from facewave.storage.key_index import write_key_index
from facewave.storage.tables import iter_rows, write_csv
from facewave.training import use_threads
from facewave.video.isolated import Bounds, Read
from facewave.video.reader_pool import ReaderPool
from facewave.vlm.inputs.clip_reader import ClipReader, make_reader
from facewave.vlm.inputs.conversation import Turn, ZeroShotModel
from facewave.vlm.zero_shot.answer_store import (
    Question,
    StoredAnswer,
    ask_all,
    conversation_digest,
)
from facewave.vlm.zero_shot.models import ZeroShotOptions, find_model

_log = logging.getLogger("facewave")

EXAMPLE_COLUMNS = ("dataset", "clip_id", "actual", "text")
FindModel = Callable[..., tuple[str, ZeroShotModel]]


@dataclass(frozen=True, kw_only=True)
class Source:
    """A dataset of the workflow.

    Attributes:
        name: of the dataset.
        manifest: its manifest (Parquet).
        tracks: indexes of its trajectories.
        classes: its class list.
    """

    name: str
    manifest: str
    tracks: Sequence[str]
    classes: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """Files and options of one job.

    Attributes:
        target: what is described.
        examples: where the examples come from; None: without examples.
        near_duplicates: table of clips that look alike; None without examples.
        store: folder of the content-addressed store.
        outputs: `parquet`, `csv` and `examples` (CSV).
        index: to write (TSV): the keys of the answers in the store.
        options: the section `annotate`, without what only decides where and how fast it runs.
        default_fps: frames per second where neither container nor manifest names one.
        video: what reading a video may take, see `facewave.video.isolated.Bounds`.
        seed: of the choice of examples and of answers that are drawn.
        version: `ANNOTATION_VERSION`.
    """

    target: Source
    examples: Source | None
    near_duplicates: str | None
    store: str
    outputs: Mapping[str, str]
    index: str
    options: Mapping[str, Any]
    default_fps: float
    seed: int
    version: int
    video: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Best:
    """The best description of a clip so far."""

    text: str = ""
    flags: list[str] = field(default_factory=lambda: ["missing"])
    seed: int | None = None
    attempts: int = 0

    def take(self, text: str, flags: list[str], seed: int | None) -> None:
        """Count an attempt, and keep it if it is better than the best so far."""
        self.attempts += 1
        if self.attempts == 1 or _badness(flags) < _badness(self.flags):
            self.text, self.flags, self.seed = text, flags, seed

    @property
    def again(self) -> bool:
        """Whether another attempt is worthwhile."""
        return any(FLAGS[name] for name in self.flags)


@dataclass(frozen=True, kw_only=True)
class _Examples:
    """The clips of the examples, and what reads their frames."""

    clips: list[Clip]
    reader: ClipReader


@dataclass(frozen=True, kw_only=True)
class _Asking:
    """How a clip is asked about: after the same examples, with the same question."""

    model: ZeroShotModel
    reader: ClipReader
    examples: _Examples | None
    question: str
    threads: int

    @cached_property
    def digest(self) -> str:
        """Of everything that is asked, but for the clip in question."""
        turns, videos = [], []
        if self.examples:
            for clip in self.examples.clips:
                turns.append(Turn(text=self.question, answer=clean(clip.text or "")))
                parts = self.examples.reader.key_parts(clip.clip_id)
                videos.append(json.dumps(parts, sort_keys=True))
        return conversation_digest([*turns, Turn(text=self.question)], [*videos, None])

    @cached_property
    def example_turns(self) -> list[Turn]:
        """The examples with their frames, read and prepared once for all clips."""
        if not self.examples:
            return []
        frames = self.examples.reader.frames
        return [
            Turn(text=self.question, video=frames(clip.clip_id), answer=clean(clip.text or ""))
            for clip in self.examples.clips
        ]

    def turn(self, question: Question) -> Turn:
        """Return the question about a clip, with its frames."""
        return Turn(text=self.question, video=self.reader.frames(question.clip_id))


def annotate(job: Annotation, *, threads: int, gpus: int, find: FindModel = find_model) -> None:
    """Describe every clip and write the table, its CSV and the examples.

    Raises:
        WeightsError: the pretrained weights cannot be had.
        ExamplesError: examples cannot be chosen; saying what to do.
        ValueError: options or weights do not fit.
        UnreadableVideoError: a clip was tracked, but its video is gone or has changed.
    """
    rules = text_rules(job.options, job.target.classes)
    clips = read_manifest(Path(job.target.manifest))
    given = {name: job.options[name] for name in ("model", "revision", "dtype", "max_pixels")}
    with use_threads(threads):
        family, model = find(
            ZeroShotOptions(**given, frames=job.options["frames"], seed=job.seed),
            job.target.classes,
            gpus=gpus,
        )
        if family != "qwen":
            raise ValueError(
                f"annotate.model: {job.options['model']} can neither describe clips after examples "
                "nor draw its words from a seed: take a checkpoint of Qwen2.5-VL"
            )
        read = ReaderPool(Bounds(**job.video), count=threads)
        reader = _reader(job, job.target, job.options["frames"], read, model)
        asking = _Asking(
            model=model,
            reader=reader,
            examples=_examples(job, rules, read, model),
            question=_request(job.options),
            threads=threads,
        )
        best = _describe(job, clips, asking, rules)
    shared = shared_texts({clip_id: found.text for clip_id, found in best.items()})
    for clip_id in shared:
        best[clip_id].flags.append("shared")
    chosen = asking.examples.clips if asking.examples else []
    _write(job, best, model, asking.digest, [clip.clip_id for clip in chosen])
    write_csv(
        Path(job.outputs["examples"]),
        EXAMPLE_COLUMNS,
        [(job.examples.name, c.clip_id, c.actual, c.text) for c in chosen] if job.examples else [],
    )


def attempt_seed(seed: int, attempt: int, clip_id: str) -> int | None:
    """Return the seed of an attempt, below 2^32; None for the first, which is not drawn."""
    if attempt == 0:
        return None
    digest = hashlib.sha256(f"{seed} {attempt} {clip_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def _describe(
    job: Annotation, clips: Sequence[Clip], asking: _Asking, rules: TextRules
) -> dict[str, _Best]:
    tokens, reader, model = job.options["max_new_tokens"], asking.reader, asking.model
    tracked = [c.clip_id for c in clips if reader.media[c.clip_id].tracked]

    def question(clip_id: str, attempt: int) -> Question:
        parts = {
            "version": job.version,
            # The names here are part of the keys of stored answers.
            "asker": model.identity,
            "prompt": asking.digest,
            "clip": reader.key_parts(clip_id),
            "seed": attempt_seed(job.seed, attempt, clip_id),
            "max_new_tokens": tokens,
        }
        return Question(clip_id=clip_id, parts=parts)

    def ask(batch: Sequence[Question], turns: Sequence[Turn]) -> list[StoredAnswer]:
        conversations = [[*asking.example_turns, turn] for turn in turns]
        seed = batch[0].parts["seed"]
        texts = model.answer(conversations, max_new_tokens=tokens, seed=seed)
        return [StoredAnswer(text=text) for text in texts]

    attempts = range(1 + job.options["retries"])
    needed = [(clip_id, question(clip_id, n).key) for n in attempts for clip_id in tracked]
    write_key_index(Path(job.index), needed)
    best = {clip.clip_id: _Best() for clip in clips}
    for attempt in attempts:
        # There is nothing to describe in a clip without frames: it stays missing.
        left = [clip_id for clip_id in tracked if best[clip_id].again]
        _log.info("attempt %d: %d clips", attempt + 1, len(left))
        questions = [question(clip_id, attempt) for clip_id in left]
        answers = ask_all(
            questions,
            ask,
            prepare=asking.turn,
            store=Path(job.store),
            # What is drawn must not depend on the other clips of a batch.
            batch_size=job.options["batch_size"] if attempt == 0 else 1,
            threads=asking.threads,
        )
        for each, answer in zip(questions, answers, strict=True):
            text = clean(answer.text)
            best[each.clip_id].take(text, text_flags(text, rules), each.parts["seed"])
    return best


def _examples(
    job: Annotation, rules: TextRules, read: Read, model: ZeroShotModel
) -> _Examples | None:
    if job.examples is None:
        return None
    options, source = job.options, job.examples
    reader = _reader(job, source, options["example_frames"], read, model)
    clips = read_manifest(Path(source.manifest))
    rows = list(iter_rows(Path(job.near_duplicates or ""), PAIR_COLUMNS))
    alike = near_duplicates_of(rows, target=job.target.name, examples=source.name)
    _log.info("%d clips of %s look like clips of %s", len(alike), source.name, job.target.name)
    own = {canonical(name) for name in job.target.classes}
    chosen = choose_examples(
        clips,
        classes=[name for name in source.classes if canonical(name) in own],
        per_class=options["per_class"],
        neutral=options["neutral"],
        held_out_folds=options["held_out_folds"],
        excluded=alike,
        usable={c.clip_id for c in clips if reader.media[c.clip_id].tracked},
        banned=rules.banned if options["clean_examples"] else None,
        seed=job.seed,
        language=options["language"],
    )
    return _Examples(clips=chosen, reader=reader)


def _request(options: Mapping[str, Any]) -> str:
    prompt = options["prompt"]
    if prompt == "annotation" and options["language"] != "en":
        prompt = f"annotation_{options['language']}"
    return render(chat_template(prompt, text=False, key="annotate.prompt"))


def _reader(
    job: Annotation, source: Source, count: int, read: Read, model: ZeroShotModel
) -> ClipReader:
    reader, _ = make_reader(
        source.manifest,
        source.tracks,
        store=job.store,
        default_fps=job.default_fps,
        count=count,
        choice=job.options["frame_choice"],
        read=read,
        size=lambda: model.frame_size,
    )
    return reader


def _badness(flags: Sequence[str]) -> tuple[bool, int, int]:
    return "missing" in flags, sum(FLAGS[name] for name in flags), len(flags)


def _write(
    job: Annotation,
    best: Mapping[str, _Best],
    model: ZeroShotModel,
    digest: str,
    examples: list[str],
) -> None:
    about = {
        "prompt_sha256": digest,
        "model": job.options["model"],
        "revision": model.identity.get("commit") or model.identity.get("sha256"),
    }
    rows = [
        {
            "clip_id": clip_id,
            "text": found.text or None,
            "flags": " ".join(found.flags),
            "attempts": found.attempts,
            "seed": found.seed,
            **about,
        }
        for clip_id, found in best.items()
    ]
    origin = {
        "asker": model.identity,
        "examples": examples,
        "examples_dataset": job.examples.name if job.examples else None,
        "options": dict(job.options),
        "seed": job.seed,
    }
    parquet, csv = (Path(job.outputs[name]) for name in ("parquet", "csv"))
    write_annotations(rows, parquet=parquet, csv=csv, origin=origin)
