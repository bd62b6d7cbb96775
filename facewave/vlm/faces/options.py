"""What a face-aware vision-language model is built of (part of the section `vlm`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from facewave.vlm.faces.encoder import token_counts
from facewave.vlm.plan import DTYPES, FAMILIES, IMAGES

HEADS = ("verbaliser", "linear", "regression", "generate")
LOSSES = ("mse", "huber")


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """Options of the model; training has its own.

    Attributes:
        model: id on the Hugging Face hub, folder of a checkpoint, or one of the toys.
        family: `paligemma` or `qwen`: what kind of model that must be.
        revision: branch, tag or commit of the hub's repository; ignored for folders.
        dtype: of the pretrained weights, `bfloat16` or `float32`; what is trained is float32.
        lora_rank, lora_alpha, lora_dropout: of the adapters on the language model's queries and
            values; rank 0: no adapters.
        width: of the face modules (2048: about 118 million trained parameters).
        heads: attention heads of the face modules.
        dropout: fraction of the face encoder's hidden activations dropped in training.
        soft_prefix: number of learned embeddings at the beginning; 0 for none.
        head: `verbaliser` (label words), `linear`, `regression` or `generate`.
        classes: class names, in the order of the labels.
        targets: names of the real values that `regression` predicts.
        regression_loss: `mse` or `huber`, of standardised targets.
        face_shapes: feature groups that the model reads, to the shape of a clip's array.
        frames: images per clip, all in all.
        image: what they show: `frame`, `face` (an aligned crop) or `both`.
        max_pixels: of a frame, where the model takes any size (Qwen2.5-VL).
        prompt: name of a template of `facewave.prompts.questions`, or a template.
        text_tokens: largest number of tokens of a clip's text.
        seed: of all weights that are not loaded.
        use_face, use_image: whether the model sees the face's codes, and the images.
        projector: whether the projection of the images into the language model is trained too.
        gradient_checkpointing: whether activations are computed again in the backward pass.
    """

    model: str
    family: str = "paligemma"
    revision: str | None = None
    dtype: str = "bfloat16"
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.0
    width: int = 2048
    heads: int = 8
    dropout: float = 0.0
    soft_prefix: int = 20
    head: str = "verbaliser"
    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    regression_loss: str = "mse"
    face_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    frames: int = 1
    image: str = "frame"
    max_pixels: int = 448 * 448
    prompt: str = "question"
    text_tokens: int = 128
    seed: int = 0
    use_face: bool = True
    use_image: bool = True
    projector: bool = False
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        """Refuse values that cannot work.

        Raises:
            ValueError: naming the option and what to do.
        """
        if self.dtype in ("float16", "fp16", "half"):
            raise ValueError(
                "vlm.dtype: float16 cannot be used: Gemma's activations are larger than float16 "
                "can hold and become infinite; take bfloat16, or float32 where there is no bfloat16"
            )
        conditions = {
            "model": bool(self.model),
            "family": self.family in FAMILIES,
            "dtype": self.dtype in DTYPES,
            "lora_rank": self.lora_rank >= 0,
            "lora_alpha": self.lora_alpha > 0,
            "lora_dropout": 0 <= self.lora_dropout < 1,
            "width": self.width >= 1,
            "heads": self.heads >= 1 and self.width % self.heads == 0,
            "soft_prefix": self.soft_prefix >= 0,
            "head": self.head in HEADS,
            "classes": self.head == "regression" or _distinct(self.classes, least=2),
            "targets": self.head != "regression" or _distinct(self.targets, least=1),
            "regression_loss": self.regression_loss in LOSSES,
            "dropout": 0 <= self.dropout < 1,
            "face_shapes": bool(self.face_shapes) or not self.use_face,
            "frames": self.frames >= 1 and self.frames % self.pictures == 0,
            "image": self.image in IMAGES,
            "text_tokens": self.text_tokens >= 0,
            "seed": 0 <= self.seed < 2**32,
            "use_face": self.use_face or self.use_image,
        }
        for name, holds in conditions.items():
            if not holds:
                raise ValueError(
                    f"vlm.{name} cannot be {getattr(self, name)!r}{_EXPECTED.get(name, '')}"
                )

    @property
    def pictures(self) -> int:
        """How many images each chosen frame gives: PaliGemma is shown face and frame one by one."""
        return 2 if self.image == "both" and self.family == "paligemma" else 1

    @property
    def front_tokens(self) -> int:
        """How many tokens of a sequence are the soft prefix and the face."""
        faces = sum(token_counts(self.face_shapes).values()) if self.use_face else 0
        return self.soft_prefix + faces


def _distinct(names: tuple[str, ...], *, least: int) -> bool:
    return len(names) >= least and len(set(names)) == len(names) and all(names)


_EXPECTED = {
    "dtype": f": expected one of {', '.join(DTYPES)}",
    "head": f": expected one of {', '.join(HEADS)}",
    "heads": ": the width must be a multiple of it",
    "classes": ": expected two or more different names",
    "targets": ": expected one or more different names with head: regression",
    "regression_loss": f": expected one of {', '.join(LOSSES)}",
    "face_shapes": ": expected at least one feature group",
    "use_face": ": a model without face and image sees nothing of the clip",
}
