"""Train one stage of a model on its clips, and write what the model then answers."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.evaluation.metrics import unweighted_average_recall
from facewave.evaluation.predictions import (
    INVALID_ANSWER,
    RegressionPredictions,
    join_parts,
    write_predictions,
)
from facewave.evaluation.regression import SCORES, mean_scores
from facewave.evaluation.units import read_origins
from facewave.mlp.held_out import HeldOut, as_plain, held_out_clips, with_people
from facewave.prompts.questions import parse_answer
from facewave.splits.baseline import RULE
from facewave.splits.read import SplitTable
from facewave.training import class_weights
from facewave.vlm.faces.memory_estimate import estimate_training
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.statistics import fit_statistics, fit_targets
from facewave.vlm.fine_tuning.clips import Images, batch_maker, shown_images
from facewave.vlm.fine_tuning.job_inputs import Job, JobInputs, training_key
from facewave.vlm.heads import softmax
from facewave.vlm.inputs.clip_reader import ClipReader
from facewave.vlm.paligemma.image_features import CachedFeatures
from facewave.vlm.training.batches import Batch, Rows
from facewave.vlm.training.interface import (
    Output,
    Score,
    TrainingData,
    TrainingFiles,
    TrainingOptions,
)
from facewave.vlm.training.loop import train
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.validation import answer_rows
from facewave.vlm.training.weights import load_state, save_state

_log = logging.getLogger("facewave")

# The modules of the model that each name in `vlm.stages.*.train` stands for.
PARTS = {
    "face": ("face", "soft_prefix", "head"),
    "projector": ("projector",),
    "lora": ("lora",),
}
_KEY_DIGITS = 16
# What a split says of its features.
_KEPT = ("features", "tracks", RULE)
# Difference of logits that gives the class that was named a probability of 1.
_SURE = 200.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TextAnswers:
    """Reads a model's answers in words strictly; one that names no class is wrong.

    Attributes:
        model: with `generate_text`.
        classes: their C names.
    """

    model: Any
    classes: Sequence[str]

    def __call__(self, batch: Batch) -> Output:
        """Return the loss, and logits (B, C + 1), the last one for an invalid answer."""
        loss = self.model(batch).loss if "labels" in batch else None
        texts = self.model.generate_text(batch)
        named = [parse_answer(text, self.classes) for text in texts]
        columns = [len(self.classes) if index is None else index for index in named]
        logits = torch.zeros(len(texts), len(self.classes) + 1)
        logits[torch.arange(len(texts)), torch.tensor(columns)] = _SURE
        return Output(loss=loss, logits=logits.to(batch["input_ids"].device))


def fit(job: Job, inputs: JobInputs, model: FaceVlm, ranks: Ranks) -> None:
    """Train the job's stage and write weights, tables and answers; then delete the checkpoints."""
    options = TrainingOptions.from_config(job.options["training"])
    stage = job.options["stage"]
    set_statistics(inputs, model)
    if job.start:
        model.load_trainable_state(load_state(Path(job.start))[0])
    model.set_trainable([part for name in stage["train"] for part in PARTS[name]])
    model.to(ranks.device)
    data = prepare(job, inputs, model, ranks)
    if ranks.is_main:
        log_estimate(model, data, options=options, ranks=ranks)
    key = training_key(job, inputs, commit=model.commit)
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
            movement=Path(job.outputs["movement"]),
        ),
        ranks=ranks,
    )
    metadata = {"stage": stage["name"], "best_epoch": best, "clips": int(data.train.size)}
    held_out = write_answers(job, inputs, model, data, ranks, options=options, metadata=metadata)
    if ranks.is_main:
        content = {"options": job.options, "seed": job.seed, "commit": model.commit, **metadata}
        content["classes"] = list(inputs.options.classes)
        # As pairs: the groups' order decides where tokens stand, and JSON would sort them.
        content["face_shapes"] = list(inputs.options.face_shapes.items())
        # What answers for other videos need: how the features were made, and whom to trust.
        given = inputs.clips.tables["train"].metadata
        content["split_metadata"] = {key: given[key] for key in _KEPT if key in given}
        # The distances are not known, and JSON has no NaN.
        content["held_out"] = {**as_plain(held_out), "distances": None} if held_out else None
        save_state(Path(job.outputs["weights"]), model.trainable_state(), content)
    ranks.barrier()
    if ranks.is_main:
        shutil.rmtree(folder)


def log_estimate(
    model: FaceVlm, data: TrainingData, *, options: TrainingOptions, ranks: Ranks
) -> None:
    """Log what memory and time the training will need, before it starts."""
    batch = data.make_batch(data.train[:1])
    gpu = ranks.device.type == "cuda"
    estimate = estimate_training(
        model,
        batch_size=options.batch_size,
        prompt_tokens=model.backbone.words_of_prompt(batch),
        device=torch.cuda.get_device_name(ranks.device) if gpu else "cpu",
    )
    for line in estimate.lines(clips=options.epochs * data.train.size):
        _log.info("%s", line)


def set_statistics(inputs: JobInputs, model: FaceVlm) -> None:
    """Give the model mean and standard deviation of the whole training part."""
    train_table = inputs.clips.tables["train"]
    targets = None
    if inputs.regression:
        targets = fit_targets(targets_of(inputs, training_rows(inputs)).tolist())
    face = None
    if inputs.options.use_face:
        face = fit_statistics(train_table, mirror=inputs.mirror)
    model.set_statistics(face, targets)


def prepare(job: Job, inputs: JobInputs, model: FaceVlm, ranks: Ranks) -> TrainingData:
    """Return the clips of a job as the loop needs them; fill the cache of images if it is on."""
    clips, own = inputs.clips, inputs.options
    weights = None
    if own.head in ("verbaliser", "linear"):
        kind = job.options["stage"]["class_weights"]
        labels = clips.labels[inputs.rows["train"]]
        weights = class_weights(labels, n_classes=len(own.classes), kind=kind)
    make_batch = batch_maker(
        clips, model, images=_images(job, inputs, model, ranks), weights=weights
    )
    words = own.head == "generate"
    outputs = len(own.targets) if inputs.regression else len(own.classes) + words
    return TrainingData(
        make_batch=make_batch,
        train=inputs.rows["train"],
        val=inputs.rows["val"],
        outputs=outputs,
        score=_value_score(job, inputs) if inputs.regression else partial(_score, inputs),
        answer=TextAnswers(model=model, classes=own.classes) if words else None,
    )


def _images(job: Job, inputs: JobInputs, model: FaceVlm, ranks: Ranks) -> Images | None:
    reader = replace(inputs.reader(job), size=lambda: model.backbone.frame_size)
    ids = inputs.clips.clip_ids
    wanted = sorted({ids[row] for rows in inputs.rows.values() for row in rows})

    def cached(shown: ClipReader) -> Images:
        features = CachedFeatures(reader=shown, model=model, processor=model.processor)
        features.fill(wanted, ranks=ranks)
        return features

    return shown_images(
        reader, inputs.options, cached=cached if job.options["inputs"]["cache_images"] else None
    )


def _value_score(job: Job, inputs: JobInputs) -> Score:
    """Return what scores predicted values, the score that selects the epoch first."""
    std = targets_of(inputs, training_rows(inputs)).std(axis=0)
    order = sorted(SCORES, key=lambda name: name != job.options["stage"]["score"])

    def score(values: NDArray[np.float32], rows: Rows) -> Mapping[str, float]:
        found = mean_scores(targets_of(inputs, rows), values.astype(np.float64), std=std)
        return {name: found[name] for name in order}

    return score


def _score(inputs: JobInputs, logits: NDArray[np.float32], rows: Rows) -> Mapping[str, float]:
    labels, predicted = inputs.clips.labels[rows], logits.argmax(axis=1)
    return {
        "uar": unweighted_average_recall(labels, predicted),
        "war": float((labels == predicted).mean()),
    }


def training_rows(inputs: JobInputs) -> Rows:
    """Return the rows of the whole training part that have targets, int64 (n,)."""
    ids, targets = inputs.clips.clip_ids, inputs.clips.targets
    return np.array([row for row in inputs.clips.rows("train") if ids[row] in targets], np.int64)


def targets_of(inputs: JobInputs, rows: Rows) -> NDArray[np.float64]:
    """Return the real values of rows that have them, float64 (n, m)."""
    ids = inputs.clips.clip_ids
    return np.array([inputs.clips.targets[ids[row]] for row in rows], np.float64)


def write_answers(
    job: Job,
    inputs: JobInputs,
    model: FaceVlm,
    data: TrainingData,
    ranks: Ranks,
    *,
    options: TrainingOptions,
    metadata: Mapping[str, Any],
) -> HeldOut | None:
    """Write the model's answers about the validation and test part.

    Returns:
        what those about the validation part say, on the main rank; None of values and of words,
        which have no probabilities.
    """
    logits = {}
    for part in ("val", "test"):
        rows = inputs.rows[part]
        logits[part], _ = answer_rows(model, data, rows, options=options, ranks=ranks)
    if not ranks.is_main:
        return None
    content = {
        "model": inputs.options.model,
        "commit": model.commit,
        "software": software(ranks.device),
        "seed": job.seed,
        "options": job.options,
        "data_sha256": {
            part: table.metadata.get("data_sha256") for part, table in inputs.clips.tables.items()
        },
        **metadata,
    }
    path = Path(job.outputs["predictions"])
    if inputs.regression:
        write_predictions(path, _regression(inputs, logits, content))
        return None
    tables = {part: inputs.clips.tables[part] for part in logits}
    answers = join_parts(
        tables, {part: softmax(values) for part, values in logits.items()}, metadata=content
    )
    if inputs.options.head == "generate":
        answers = replace(answers, classes=(*answers.classes, INVALID_ANSWER))
    write_predictions(path, answers)
    if inputs.options.head == "generate":
        return None
    return _held_out(job, tables["val"], softmax(logits["val"]))


def _held_out(job: Job, table: SplitTable, probabilities: NDArray[np.float32]) -> HeldOut:
    """Return what the answers for the validation part say; no distances are known."""
    kept = table.valid
    unknown = np.full(int(kept.sum()), np.nan, np.float32)
    found = held_out_clips(probabilities[kept], table.labels[kept], unknown)
    ids = [clip for clip, valid in zip(table.clip_ids, kept, strict=True) if valid]
    origins = (read_origins([job.splits[part]]) for part in ("val", "train"))
    return with_people(found, ids, *origins)


def software(device: torch.device) -> str:
    """Return what a training ran on and with, in words."""
    names = {"torch": torch.__version__, "transformers": version("transformers")}
    names["PEFT"] = version("peft")
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    return ", ".join([where, *(f"{name} {found}" for name, found in names.items())])


def _regression(
    inputs: JobInputs, predicted: Mapping[str, NDArray[np.float32]], content: Mapping[str, Any]
) -> RegressionPredictions:
    rows = np.concatenate([inputs.rows[part] for part in predicted])
    ids, valid = inputs.clips.clip_ids, inputs.clips.valid
    mean = targets_of(inputs, training_rows(inputs)).mean(axis=0)
    return RegressionPredictions(
        clip_ids=[ids[row] for row in rows],
        parts=[part for part in predicted for _ in range(inputs.rows[part].size)],
        truth=targets_of(inputs, rows),
        predicted=np.concatenate([values.astype(np.float64) for values in predicted.values()]),
        baseline=np.tile(mean, (rows.size, 1)),
        valid=valid[rows],
        targets=inputs.options.targets,
        metadata=content,
    )
