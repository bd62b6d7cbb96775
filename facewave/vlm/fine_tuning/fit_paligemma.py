"""Train a stage on its clips, and write what the model then answers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.evaluation.metrics import evaluate_regression, unweighted_average_recall
from facewave.evaluation.predictions import (
    INVALID_ANSWER,
    RegressionPredictions,
    join_parts,
    write_predictions,
)
from facewave.training import class_weights
from facewave.vlm.fine_tuning.clips import Pictures, make_feed
from facewave.vlm.fine_tuning.job_inputs import Job, Material, training_key
from facewave.vlm.fine_tuning.text_answers import TextAnswers
from facewave.vlm.inputs.pictures import CachedFeatures
from facewave.vlm.paligemma.model import FaceVlm
from facewave.vlm.paligemma.statistics import fit_statistics, fit_targets
from facewave.vlm.training.checkpoint import load_state, save_state
from facewave.vlm.training.data import TrainingData, TrainingFiles
from facewave.vlm.training.loop import train
from facewave.vlm.training.memory_estimate import estimate_training
from facewave.vlm.training.options import TrainingOptions
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.schedule import Rows
from facewave.vlm.training.validation import answer_rows, precision

_log = logging.getLogger("facewave")

# Modules of the model that a name in `vlm.stages.*.train` stands for.
PARTS = {
    "face": ("face", "soft_prefix", "head"),
    "projector": ("projector",),
    "lora": ("lora",),
}
_KEY_DIGITS = 16


def fit(job: Job, material: Material, model: FaceVlm, ranks: Ranks) -> None:
    """Train the job's stage and write weights, tables and answers; then drop the checkpoints."""
    options = TrainingOptions.from_config(job.options["training"])
    stage = job.options["stage"]
    standardise(material, model)
    if job.start:
        model.load_trainable_state(load_state(Path(job.start))[0])
    model.set_trainable([part for name in stage["train"] for part in PARTS[name]])
    model.to(ranks.device)
    data = prepare(job, material, model, ranks, options=options)
    if ranks.first:
        tell_estimate(model, data, options=options, ranks=ranks)
    key = training_key(job, material, commit=model.commit)
    folder = Path(job.checkpoints) / key[:_KEY_DIGITS]
    _log.info(
        "%s: %d clips to train on, %d to validate, on %d x %s; checkpoints in %s",
        *(stage["name"], data.train.size, data.val.size, ranks.count, ranks.device, folder),
    )
    best = train(
        model,
        data,
        options=options,
        seed=job.seed,
        files=TrainingFiles(
            checkpoints=folder,
            key=key,
            metrics=Path(job.outputs["metrics"]),
            steps=Path(job.outputs["steps"]),
        ),
        ranks=ranks,
    )
    metadata = {"stage": stage["name"], "best_epoch": best, "clips": int(data.train.size)}
    if ranks.first:
        content = {"options": job.options, "seed": job.seed, "commit": model.commit, **metadata}
        content["classes"] = list(material.options.classes)
        save_state(Path(job.outputs["weights"]), model.trainable_state(), content)
    write_answers(job, material, model, data, ranks, options=options, metadata=metadata)
    ranks.wait()
    if ranks.first:
        shutil.rmtree(folder)


def tell_estimate(
    model: FaceVlm, data: TrainingData, *, options: TrainingOptions, ranks: Ranks
) -> None:
    """Say what memory and time the training will take, before it starts."""
    own = model.options
    ids = data.feed(data.train[:1])["input_ids"]
    pictures = own.frames * model.processor.image_seq_length if own.use_image else 0
    gpu = ranks.device.type == "cuda"
    estimate = estimate_training(
        model,
        batch_size=options.batch_size,
        prompt_tokens=ids.shape[1] - pictures,
        device=torch.cuda.get_device_name(ranks.device) if gpu else "cpu",
    )
    for line in estimate.lines(clips=options.epochs * data.train.size):
        _log.info("%s", line)


def standardise(material: Material, model: FaceVlm) -> None:
    """Give the model mean and deviation of the whole training part."""
    train_table = material.clips.tables["train"]
    targets = None
    if material.regression:
        targets = fit_targets(targets_of(material, training_rows(material)).tolist())
    face = fit_statistics(train_table) if material.options.use_face else None
    model.set_statistics(face, targets)


def prepare(
    job: Job, material: Material, model: FaceVlm, ranks: Ranks, *, options: TrainingOptions
) -> TrainingData:
    """Return the clips of a job as the loop wants them; fills the cache of pictures if wanted."""
    clips, own = material.clips, material.options
    weights = None
    if own.head in ("verbaliser", "linear"):
        kind = job.options["stage"]["class_weights"]
        labels = clips.labels[material.rows["train"]]
        weights = class_weights(labels, n_classes=len(own.classes), kind=kind)
    feed = make_feed(
        clips,
        processor=model.processor,
        options=own,
        pictures=_pictures(job, material, model, ranks, options=options),
        weights=weights,
    )
    words = own.head == "generate"
    outputs = len(own.targets) if material.regression else len(own.classes) + words
    return TrainingData(
        feed=feed,
        train=material.rows["train"],
        val=material.rows["val"],
        outputs=outputs,
        score=partial(_score, material),
        answer=TextAnswers(model=model, classes=own.classes) if words else None,
    )


def _pictures(
    job: Job, material: Material, model: FaceVlm, ranks: Ranks, *, options: TrainingOptions
) -> Pictures | None:
    if not material.options.use_image:
        return None
    pictures = material.pictures(job)
    if not job.options["inputs"]["cache_images"]:
        return pictures
    cached = CachedFeatures(pictures=pictures, model=model, processor=model.processor)
    ids = material.clips.clip_ids
    wanted = sorted({ids[row] for rows in material.rows.values() for row in rows})
    cached.fill(wanted, context=partial(precision, options, ranks.device), ranks=ranks)
    return cached


def _score(material: Material, logits: NDArray[np.float32], rows: Rows) -> Mapping[str, float]:
    if material.regression:
        scores = evaluate_regression(
            targets_of(material, rows), logits, names=material.options.targets
        )
        return {
            "ccc": float(np.mean([score.ccc or 0.0 for score in scores])),
            "rmse": float(np.mean([score.rmse for score in scores])),
        }
    labels, predicted = material.clips.labels[rows], logits.argmax(axis=1)
    return {
        "uar": unweighted_average_recall(labels, predicted),
        "war": float((labels == predicted).mean()),
    }


def training_rows(material: Material) -> Rows:
    """Return the rows of the whole training part that have targets, int64 (n,)."""
    ids, targets = material.clips.clip_ids, material.clips.targets
    return np.array([row for row in material.clips.rows("train") if ids[row] in targets], np.int64)


def targets_of(material: Material, rows: Rows) -> NDArray[np.float64]:
    """Return the real values of rows that have them, float64 (n, m)."""
    ids = material.clips.clip_ids
    return np.array([material.clips.targets[ids[row]] for row in rows], np.float64)


def write_answers(
    job: Job,
    material: Material,
    model: FaceVlm,
    data: TrainingData,
    ranks: Ranks,
    *,
    options: TrainingOptions,
    metadata: Mapping[str, Any],
) -> None:
    """Write what the model answers to the validation and test part."""
    logits = {}
    for part in ("val", "test"):
        rows = material.rows[part]
        logits[part], _ = answer_rows(model, data, rows, options=options, ranks=ranks)
    if not ranks.first:
        return
    content = {
        "model": material.options.model,
        "commit": model.commit,
        "seed": job.seed,
        "options": job.options,
        "data_sha256": {
            part: table.metadata.get("data_sha256") for part, table in material.clips.tables.items()
        },
        **metadata,
    }
    path = Path(job.outputs["predictions"])
    if material.regression:
        write_predictions(path, _numbers(material, logits, content))
        return
    tables = {part: material.clips.tables[part] for part in logits}
    answers = join_parts(
        tables, {part: _softmax(values) for part, values in logits.items()}, metadata=content
    )
    if material.options.head == "generate":
        answers = replace(answers, classes=(*answers.classes, INVALID_ANSWER))
    write_predictions(path, answers)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float32] = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _numbers(
    material: Material, predicted: Mapping[str, NDArray[np.float32]], content: Mapping[str, Any]
) -> RegressionPredictions:
    rows = np.concatenate([material.rows[part] for part in predicted])
    ids, valid = material.clips.clip_ids, material.clips.valid
    mean = targets_of(material, training_rows(material)).mean(axis=0)
    return RegressionPredictions(
        clip_ids=[ids[row] for row in rows],
        parts=[part for part in predicted for _ in range(material.rows[part].size)],
        truth=targets_of(material, rows),
        predicted=np.concatenate([values.astype(np.float64) for values in predicted.values()]),
        baseline=np.tile(mean, (rows.size, 1)),
        valid=valid[rows],
        targets=material.options.targets,
        metadata=content,
    )
