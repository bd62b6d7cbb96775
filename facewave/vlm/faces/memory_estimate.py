"""What a training will need, logged before it starts: memory by its parts, and time per clip.

Activations are counted by what PyTorch keeps for the backward pass of a layer whose weights are
frozen: of Gemma 2 with attention without a fused kernel, since its logits are capped, of Qwen2.5
with a fused one. A test holds the counts against the tensors that are really kept. The time is not
measured: for PaliGemma 2 it starts from estimates for two accelerators (an epoch of 9,356 clips
with one frame of 448 pixels each in 5 to 7
minutes on an H200, in 12 to 17 on an A100) and grows with the length of the sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facewave.vlm.training.log import duration

_GIB = 1024**3
_REFERENCE_CLIPS = 9356
_REFERENCE_MINUTES = {"H200": (5.0, 7.0), "A100": (12.0, 17.0)}
# Tokens of the sequence that these times are for: patches of a frame of 448 pixels, a prompt, face
# tokens and soft prefix.
_REFERENCE_TOKENS = 1024 + 64 + 10 + 20
# Bytes of a float32; AdamW keeps two of them per parameter.
_FLOAT = 4


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a training will need.

    Attributes:
        frozen, trained: number of parameters.
        tokens: length of a sequence.
        batch_size: clips in a forward pass.
        weights, gradients, optimiser, activations: bytes.
        seconds: per clip on this accelerator, least and most; None if there is no estimate.
        device: name of the accelerator; `cpu` without one.
    """

    frozen: int
    trained: int
    tokens: int
    batch_size: int
    weights: int
    gradients: int
    optimiser: int
    activations: int
    seconds: tuple[float, float] | None
    device: str

    @property
    def total(self) -> int:
        """Bytes in all."""
        return self.weights + self.gradients + self.optimiser + self.activations

    def lines(self, *, clips: int) -> list[str]:
        """Return the estimate in words; `clips` is how many are trained on in all epochs."""
        fraction = self.trained / (self.trained + self.frozen)
        parts = {
            "weights": self.weights,
            "gradients": self.gradients,
            "optimiser": self.optimiser,
            f"activations of {self.batch_size} clips": self.activations,
        }
        sizes = ", ".join(f"{name} {value / _GIB:.2f}" for name, value in parts.items())
        time = f"there is no estimate for {self.device}"
        if self.seconds is not None:
            low, high = self.seconds
            whole = f"{duration(low * clips)} to {duration(high * clips)} for {clips:,} clips"
            each = f"{low:.3f} to {high:.3f} s per clip on {self.device}"
            time = f"{each}, {whole} (estimated, not measured)"
        return [
            f"{self.trained:,} of {self.trained + self.frozen:,} parameters are trained "
            f"({100 * fraction:.1f} %); sequences of {self.tokens} tokens",
            f"memory, GiB: {self.total / _GIB:.2f} ({sizes})",
            f"time: {time}",
        ]


def estimate_training(
    model: Any, *, batch_size: int, prompt_tokens: int, device: str = "cpu"
) -> Estimate:
    """Estimate the training of a model as it is set up (`set_trainable`, checkpointing).

    Args:
        model: a `facewave.vlm.faces.model.FaceVlm`, on any device, the meta device too.
        batch_size: clips in a forward pass, before accumulation.
        prompt_tokens: of a prompt, without images, face and soft prefix.
        device: name of the accelerator, as `torch.cuda.get_device_name` returns it.
    """
    parameters = list(model.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    options, config = model.options, model.base.config
    patches = most_patches(model) if options.use_image else 0
    tokens = options.front_tokens + patches + prompt_tokens
    tokens += len(model.labels.nodes) if options.head == "verbaliser" else 0
    width = 2 if options.dtype == "bfloat16" else _FLOAT
    layers = config.text_config.num_hidden_layers
    lora = options.lora_rank > 0
    count = layer_bytes if options.family == "paligemma" else qwen_layer_bytes
    layer = count(config.text_config, tokens=tokens, width=width, lora=lora)
    if options.gradient_checkpointing:
        # The input of each layer, and one layer at a time as it is computed again.
        kept = layers * tokens * config.text_config.hidden_size * width + layer
    else:
        kept = layers * layer
    kept += tokens * config.text_config.hidden_size * _FLOAT  # the last norm
    if options.head == "verbaliser":
        kept += names_bytes(model.labels, vocabulary=config.text_config.vocab_size)
    face = fusion_bytes(options, model.backbone.widths, patches=patches, prompt=prompt_tokens)
    if options.family == "qwen" and options.projector:
        face += merger_bytes(config.vision_config, patches=patches)
    return Estimate(
        frozen=sum(p.numel() for p in parameters) - trained,
        trained=trained,
        tokens=tokens,
        batch_size=batch_size,
        weights=sum(p.numel() * p.element_size() for p in parameters),
        gradients=_FLOAT * trained,
        optimiser=2 * _FLOAT * trained,
        activations=batch_size * (kept + face),
        seconds=_seconds(device, tokens) if options.family == "paligemma" else None,
        device=device,
    )


def most_patches(model: Any) -> int:
    """Return how many tokens the images of a clip take up, at most."""
    options, processor = model.options, model.processor
    if options.family == "paligemma":
        return int(options.frames * processor.image_seq_length)
    video = processor.video
    steps = -(-options.frames // video.temporal)
    return int(steps * (options.max_pixels // (video.patch * video.merge) ** 2))


def layer_bytes(text: Any, *, tokens: int, width: int, lora: bool) -> int:
    """Return what the backward pass of a Gemma 2 layer keeps of one sequence, in bytes.

    Args:
        text: the `Gemma2Config`.
        tokens: length of the sequence.
        width: bytes of an activation, 2 or 4.
        lora: whether queries and values have adapters, which compute in float32.
    """
    queries = text.num_attention_heads * text.head_dim
    # Queries, repeated keys and repeated values, for the two products of attention.
    projected = 3 * queries * width
    # Capped logits, float32 probabilities, and these as they weigh the values.
    squares = text.num_attention_heads * tokens * (width + _FLOAT + (width if width < 4 else 0))
    # Gate before and after its activation, and what it is multiplied with.
    hidden = 3 * text.intermediate_size * width
    norms = 4 * text.hidden_size * _FLOAT
    # What goes into the adapters: the layer's input, or a float32 copy for each of the two.
    adapters = lora * (2 if width < _FLOAT else 1) * text.hidden_size * _FLOAT
    return int(tokens * (projected + squares + hidden + norms + adapters))


def qwen_layer_bytes(text: Any, *, tokens: int, width: int, lora: bool) -> int:
    """Return what the backward pass of a Qwen2.5 layer keeps of one sequence, in bytes.

    Args:
        text: the text model's configuration.
        tokens, width, lora: see `layer_bytes`.
    """
    head = text.hidden_size // text.num_attention_heads
    # Queries, keys and values of the fused attention, and what comes out of it.
    attention = 2 * text.hidden_size + 2 * text.num_key_value_heads * head
    # Gate before and after its activation, and what it is multiplied with.
    hidden = 3 * text.intermediate_size
    norms = 2 * text.hidden_size * _FLOAT
    adapters = lora * (2 if width < _FLOAT else 1) * text.hidden_size * _FLOAT
    return int(tokens * ((attention + hidden) * width + norms + adapters))


def merger_bytes(vision: Any, *, patches: int) -> int:
    """Return what the backward pass of Qwen's merger keeps of one clip's tokens, in bytes.

    A token is made of four patches, side by side: their norm, and the layer between them before
    and after its activation. All in float32.
    """
    merged = vision.spatial_merge_size**2 * vision.hidden_size
    return int(_FLOAT * patches * 4 * merged)


def names_bytes(names: Any, *, vocabulary: int) -> int:
    """Return what the scores of class names keep of one clip, in bytes.

    Per place of their tree the language model's logits, and these in float32, capped and raised.

    Args:
        names: `facewave.vlm.class_names.ClassNames`.
        vocabulary: number of words that the language model knows.
    """
    return int((1 + len(names.nodes)) * vocabulary * 4 * _FLOAT)


def fusion_bytes(options: Any, widths: tuple[int, int], *, patches: int, prompt: int) -> int:
    """Return what the backward pass of the face modules keeps of one clip, in bytes.

    Keys and values of the prompt and of the images, and what these are made of; the face's own
    tokens are few in comparison.

    Args:
        options: of the model.
        widths: of the language model's embeddings and of the patches.
        patches, prompt: how many there are.
    """
    if not options.use_face:
        return 0
    text = prompt * (2 * widths[0] + 2 * options.width)
    image = patches * (2 * widths[1] + 2 * options.width)
    return int(_FLOAT * (text + image))


def _seconds(device: str, tokens: int) -> tuple[float, float] | None:
    for name, (least, most) in _REFERENCE_MINUTES.items():
        if name in device.upper():
            scale = 60.0 / _REFERENCE_CLIPS * tokens / _REFERENCE_TOKENS
            return least * scale, most * scale
    return None
