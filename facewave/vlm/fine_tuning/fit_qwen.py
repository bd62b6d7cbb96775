"""Fine-tune Qwen2.5-VL on the training part of a split, with the loop that trains PaliGemma."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.predictions import join_parts, write_predictions
from facewave.prompts.face_words import check_layout
from facewave.splits.read import SplitTable, read_split
from facewave.storage.store import content_key
from facewave.training import class_weights, use_threads
from facewave.video.isolated import Bounds
from facewave.video.reader_pool import ReaderPool
from facewave.vlm.heads import softmax
from facewave.vlm.inputs.clip_reader import ClipReader, make_reader
from facewave.vlm.inputs.conversation import Turn
from facewave.vlm.qwen.model import QwenVlm
from facewave.vlm.qwen.trainable import TrainableQwen
from facewave.vlm.training.batches import Batch, Rows
from facewave.vlm.training.interface import TrainingData, TrainingFiles, TrainingOptions
from facewave.vlm.training.loop import train
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.validation import answer_rows
from facewave.vlm.training.weights import save_state
from facewave.vlm.zero_shot.models import ZeroShotOptions, find_model
from facewave.vlm.zero_shot.run import question_texts

_log = logging.getLogger("facewave")
_KEY_DIGITS = 16
PARTS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class FineTuning:
    """Files and options of one job.

    Attributes:
        manifest: the manifest (Parquet).
        tracks: indexes of the trajectories, of all buckets.
        store: folder of the content-addressed store.
        splits: `train`, `val` and `test` (Parquet).
        outputs: `weights`, `metrics`, `steps` and `predictions`.
        checkpoints: folder of all trainings' checkpoints; it outlives the process.
        options: of `facewave.vlm.plan.fine_tuning_params`.
        default_fps: frames per second where neither container nor manifest names one.
        video: what reading a video may take, see `facewave.video.isolated.Bounds`.
        seed: of order, dropout and adapters.
        version: `FINE_TUNING_VERSION`.
    """

    manifest: str
    tracks: Sequence[str]
    store: str
    splits: Mapping[str, str]
    outputs: Mapping[str, str]
    checkpoints: str
    options: Mapping[str, Any]
    default_fps: float
    seed: int
    version: int
    video: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Clips:
    """The clips of all parts, one after the other; makes the batch of some rows."""

    clip_ids: list[str]
    labels: NDArray[np.int64]
    questions: list[str]
    reader: ClipReader
    vlm: QwenVlm
    weights: Any

    def __call__(self, rows: Rows) -> Batch:
        conversations = [
            [Turn(text=self.questions[row], video=self.reader.frames(self.clip_ids[row]))]
            for row in rows
        ]
        labels = torch.from_numpy(self.labels[rows])
        return {
            **self.vlm.processor(conversations),
            "labels": labels,
            "weights": self.weights[labels],
        }

    def score(self, logits: NDArray[np.float32], rows: Rows) -> dict[str, float]:
        labels, predicted = self.labels[rows], logits.argmax(axis=1)
        uar = unweighted_average_recall(labels, predicted)
        return {"uar": uar, "war": float((labels == predicted).mean())}


def fine_tune(job: FineTuning, *, threads: int, gpus: int) -> None:
    """Train the adapters and write weights, tables and answers; then delete the checkpoints.

    Raises:
        WeightsError: the pretrained weights cannot be had.
        ValueError: options, splits or weights do not fit; saying what to do.
        UnreadableVideoError: a clip was tracked, but its video is gone or has changed.
    """
    tables = _read(job)
    classes = tables["train"].classes
    training = TrainingOptions.from_config(job.options["training"])
    with use_threads(threads):
        options = ZeroShotOptions(**job.options["model"], seed=job.seed)
        family, found = find_model(options, classes, gpus=gpus)
        if family != "qwen":
            raise ValueError(
                f"fine_tune: {options.model} is not a Qwen2.5-VL model; PaliGemma 2 is trained by "
                "train_paligemma"
            )
        vlm = found.loaded
        assert isinstance(vlm, QwenVlm)
        ranks = Ranks(device=vlm.base.device)
        model = TrainableQwen(vlm, classes, **job.options["lora"], seed=job.seed).to(ranks.device)
        clips = _clips(job, tables, vlm, threads=threads)
        rows = _rows(tables)
        data = TrainingData(
            make_batch=clips,
            train=rows["train"],
            val=rows["val"],
            outputs=len(classes),
            score=clips.score,
        )
        key = _key(job, tables, clips, vlm)
        folder = Path(job.checkpoints) / key[:_KEY_DIGITS]
        _log.info("%d clips to train on; checkpoints in %s", data.train.size, folder)
        files = TrainingFiles(
            checkpoints=folder,
            key=key,
            metrics=Path(job.outputs["metrics"]),
            steps=Path(job.outputs["steps"]),
        )
        best = train(model, data, options=training, seed=job.seed, files=files, ranks=ranks)
        content = {
            "asker": vlm.identity,
            "best_epoch": best,
            "classes": list(classes),
            "options": dict(job.options),
            "seed": job.seed,
        }
        save_state(Path(job.outputs["weights"]), model.trainable_state(), content)
        probabilities = {
            part: softmax(answer_rows(model, data, rows[part], options=training, ranks=ranks)[0])
            for part in ("val", "test")
        }
    digests = {part: table.metadata.get("data_sha256") for part, table in tables.items()}
    answers = join_parts(
        {part: tables[part] for part in probabilities},
        probabilities,
        metadata={**content, "data_sha256": digests},
    )
    write_predictions(Path(job.outputs["predictions"]), answers)
    shutil.rmtree(folder)


def _read(job: FineTuning) -> dict[str, SplitTable]:
    words = job.options["face_words"]
    groups = ("blendshapes",) if words else ()
    tables = {part: read_split(job.splits[part], groups=groups) for part in PARTS}
    if words:
        check_layout(tables["train"].metadata.get("features", {}))
    return tables


def _clips(
    job: FineTuning, tables: Mapping[str, SplitTable], vlm: QwenVlm, *, threads: int
) -> _Clips:
    reader, texts = make_reader(
        job.manifest,
        job.tracks,
        store=job.store,
        default_fps=job.default_fps,
        count=job.options["model"]["frames"],
        choice=job.options["frame_choice"],
        read=ReaderPool(Bounds(**job.video), count=threads),
        size=lambda: vlm.frame_size,
    )
    labels = tables["train"].labels
    return _Clips(
        clip_ids=[clip_id for table in tables.values() for clip_id in table.clip_ids],
        labels=np.concatenate([table.labels for table in tables.values()]),
        questions=[
            text
            for table in tables.values()
            for text in question_texts(table, texts, job.options, "qwen")
        ],
        reader=reader,
        vlm=vlm,
        weights=class_weights(
            labels, n_classes=len(tables["train"].classes), kind=job.options["class_weights"]
        ),
    )


def _rows(tables: Mapping[str, SplitTable]) -> dict[str, Rows]:
    ends = np.cumsum([len(table) for table in tables.values()])
    return {
        part: np.arange(end - len(table), end)
        for (part, table), end in zip(tables.items(), ends, strict=True)
    }


def _key(job: FineTuning, tables: Mapping[str, SplitTable], clips: _Clips, vlm: QwenVlm) -> str:
    """Return the digest of everything that decides the result."""
    training = {k: v for k, v in job.options["training"].items() if k != "checkpoint_steps"}
    seen = [
        [clip_id, int(label), question, clips.reader.key_parts(clip_id)]
        for clip_id, label, question in zip(
            clips.clip_ids, clips.labels, clips.questions, strict=True
        )
    ]
    return content_key(
        stage="fine_tune",
        version=job.version,
        asker=vlm.identity,
        options={**job.options, "training": training},
        seed=job.seed,
        parts=[len(table) for table in tables.values()],
        classes=list(tables["train"].classes),
        seen=seen,
    )
