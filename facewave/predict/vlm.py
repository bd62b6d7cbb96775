"""A trained vision-language model to predict with: it looks at a window's frames and its codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from facewave.mlp.held_out import from_plain
from facewave.predict.conformal import Conformal
from facewave.predict.description import ModelError
from facewave.predict.model import Answers
from facewave.predict.vlm_description import read_vlm_description, vlm_file
from facewave.predict.windows import ClipFiles
from facewave.splits.baseline import RULE
from facewave.splits.read import SplitTable
from facewave.storage.store import content_key, file_sha256
from facewave.training import use_threads
from facewave.video.isolated import Bounds
from facewave.video.reader_pool import ReaderPool
from facewave.vlm.faces.model import FaceVlm
from facewave.vlm.faces.sharing import ADAPTER, options_of, read_shared
from facewave.vlm.fine_tuning.build import build
from facewave.vlm.fine_tuning.clips import Clips, batch_maker, shown_images
from facewave.vlm.heads import softmax
from facewave.vlm.inputs.clip_reader import ClipReader, make_reader
from facewave.vlm.plan import TRAINED
from facewave.vlm.training.batches import Rows
from facewave.vlm.training.interface import TrainingData, TrainingOptions
from facewave.vlm.training.ranks import Ranks
from facewave.vlm.training.validation import answer_rows
from facewave.vlm.training.weights import load_state


class VlmModel:
    """A `facewave.predict.model.Predictor`; the pretrained weights are read when it first answers.

    Attributes:
        name, sha256: of the trained weights.
        held_out_part: the part of the split that it was checked on.
        networks: it answers alone.
    """

    held_out_part = "validation"
    networks = 1

    def __init__(self, folder: Path, clips: ClipFiles | None) -> None:
        """Read what the model says of itself.

        Args:
            folder: of a training's stage, or the folder `peft` that is shared.
            clips: what it is shown; None: it will not be asked.

        Raises:
            ModelError: there is none, or it cannot answer for videos.
        """
        path = vlm_file(folder)
        if path is None:
            raise ModelError(f"{folder}: no trained vision-language model in it")
        self._content = read_vlm_description(path)
        self._folder, self._clips = folder, clips
        self._options = options_of(self._content)
        self.name = _name(folder)
        digest = file_sha256(path)
        if path.name != TRAINED:
            digest = content_key(face=digest, adapter=file_sha256(folder / ADAPTER))
        self.sha256 = digest

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the C classes."""
        return self._options.classes

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The feature groups that it reads, to the shape of a clip's array."""
        return self._options.face_shapes

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the splits say that it was trained on."""
        return dict(self._content["split_metadata"])

    @property
    def baseline(self) -> Mapping[str, Any] | None:
        """The rule of the person's baseline; None without one."""
        rule: Mapping[str, Any] | None = self.metadata.get(RULE)
        return rule

    @cached_property
    def _held_out(self) -> Any:
        values = self._content["held_out"]
        return from_plain({**values, "distances": [math.nan] * len(values["scores"])})

    @cached_property
    def conformal(self) -> Conformal:
        """What says which classes a clip cannot be excluded from."""
        return Conformal([self._held_out])

    @property
    def new_people(self) -> bool | None:
        """Whether the people it was checked on were never trained on; None: not known."""
        known: bool | None = self._held_out.new_people
        return known

    def answer(self, table: SplitTable, *, threads: int = 1) -> Answers:
        """Answer for the clips of a table: probabilities of the classes, from their whole names.

        How far a clip lies from the training clips is not known.

        Raises:
            ModelError: it was trained on the clips' texts, and none has one.
            UnreadableVideoError: a video was tracked, but is gone or has changed.
            WeightsError: the pretrained weights cannot be had.
        """
        with use_threads(threads):
            rows = np.arange(len(table))
            data = self._data(table, rows)
            options = TrainingOptions.from_config(self._content["options"]["training"])
            logits, _ = answer_rows(
                self._network, data, rows, options=options, ranks=Ranks(device=self._device)
            )
        probabilities = softmax(logits)
        return Answers(
            probabilities=probabilities,
            of_members=[probabilities],
            distances=np.full(len(table), np.nan, np.float32),
        )

    def _data(self, table: SplitTable, rows: Rows) -> TrainingData:
        reader, texts = self._shown
        clips = Clips(tables={"shown": table}, faces=rows, texts=texts, targets={})
        images = shown_images(reader, self._options)
        return TrainingData(
            make_batch=batch_maker(clips, self._network, images=images),
            train=rows[:0],
            val=rows,
            outputs=len(self.classes),
            score=_unscored,
        )

    @property
    def _device(self) -> torch.device:
        gpu = self._clips is not None and self._clips.gpu
        return torch.device("cuda", 0) if gpu else torch.device("cpu")

    @cached_property
    def _network(self) -> FaceVlm:
        # A branch may have moved since the training.
        commit = self._content.get("commit") or self._options.revision
        model = build(replace(self._options, revision=commit))
        trained = self._folder / TRAINED
        state, _ = load_state(trained) if trained.is_file() else read_shared(self._folder)
        model.load_trainable_state(state)
        return model.to(self._device)

    @cached_property
    def _shown(self) -> tuple[ClipReader, dict[str, str | None]]:
        if self._clips is None:
            raise ModelError(
                f"{self.name}: a vision-language model looks at frames: ask it with "
                "`snakemake predict`"
            )
        inputs = self._content["options"]["inputs"]
        reader, texts = make_reader(
            str(self._clips.manifest),
            [str(self._clips.tracks)],
            store=str(self._clips.store),
            default_fps=self._clips.default_fps,
            count=self._options.frames // self._options.pictures,
            choice=inputs["frame_choice"],
            read=ReaderPool(Bounds(**self._clips.video), count=1),
            size=lambda: self._network.backbone.frame_size,
        )
        if not inputs["use_text"]:
            return reader, {}
        if not any(texts.values()):
            raise ModelError(
                f"{self.name}: was trained on the clips' texts (vlm.use_text), and the videos of "
                "predict have none; name a model that was trained without"
            )
        return reader, texts


def _unscored(logits: NDArray[np.float32], rows: Rows) -> Mapping[str, float]:
    return {}


def _name(folder: Path) -> str:
    # As in results/DATASET/vlm/MODEL/full/STAGE/PROTOCOL/FOLD/peft.
    parts = folder.parts
    if "vlm" in parts[1:]:
        start = len(parts) - 1 - parts[::-1].index("vlm") - 1
        return "/".join(part for part in parts[start:] if part not in ("vlm", "full", "peft"))
    return folder.name
