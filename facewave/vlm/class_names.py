"""Scores of whole class names after a prompt, all names in one pass.

The score of a name is the sum of the log-probabilities of its tokens. It is not divided by their
number: it is the log-probability that the answer begins with the name, and what ends a long name
(`appointment` after `dis`) is nearly certain once it has begun. Where a name begins another one
(`happy`, `happy surprise`), the end of the answer is scored for every name as well; elsewhere it
tells nothing apart and is left out.

The names form a tree: names that begin alike share their first tokens. Tokens that others follow
are its nodes. They are put behind the prompt, each attends to the prompt and to the tokens above it
in the tree, and the language model reads the prompt once, with its images, for all names together.
No cache is needed, so training scores (and differentiates) the names in the same way. Where every
name is one token, there are no nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassNames:
    """The C class names as a tokenizer writes them, and their tree of N nodes.

    Attributes:
        ids: int64 (C, A), each name's tokens and the end of the answer, padded on the right.
        mask: int64 (C, A), 0 for padding.
        nodes: int64 (N,), their tokens; those above stand before those below.
        depths: int64 (N,), 1 for a node right after the prompt.
        above: bool (N, N), whether the second node is above the first one, or is it.
        places: int64 (C, A), after which place a token is predicted: 0 is the prompt's end, n is
            node n - 1.
        scored: bool (C, A), the tokens whose log-probabilities add up to the name's score.
    """

    ids: Tensor
    mask: Tensor
    nodes: Tensor
    depths: Tensor
    above: Tensor
    places: Tensor
    scored: Tensor

    def to(self, device: torch.device) -> ClassNames:
        """Return the same on a device."""
        return ClassNames(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def scores(self, logits: Tensor) -> Tensor:
        """Return the log-probability of each name, float32 (B, C).

        Args:
            logits: (B, 1 + N, V), of the token after the prompt and after each node.
        """
        logits = logits.float()
        each = logits[:, self.places, self.ids] - logits.logsumexp(dim=-1)[:, self.places]
        total: Tensor = torch.where(self.scored, each, 0.0).sum(dim=-1)
        return total


def class_names(tokenizer: Any, classes: Sequence[str]) -> ClassNames:
    """Return the class names as they stand at the beginning of an answer.

    Raises:
        ValueError: a name has no tokens or a token unknown to the tokenizer, or two names have the
            same tokens.
    """
    rows = [list(tokenizer(name, add_special_tokens=False)["input_ids"]) for name in classes]
    for name, row in zip(classes, rows, strict=True):
        if not row or tokenizer.unk_token_id in row:
            raise ValueError(
                f"class {name!r} cannot be written in the model's vocabulary: rename it"
            )
    for index, row in enumerate(rows):
        if row in rows[:index]:
            other = classes[rows.index(row)]
            raise ValueError(
                f"classes {other!r} and {classes[index]!r} have the same tokens: rename one"
            )
    ended = any(a is not b and a == b[: len(a)] for a in rows for b in rows)
    return _tree(rows, end=tokenizer.eos_token_id, ended=ended)


def _tree(rows: Sequence[Sequence[int]], *, end: int, ended: bool) -> ClassNames:
    shape = (len(rows), max(map(len, rows)) + 1)
    ids, mask = torch.full(shape, end), torch.zeros(shape, dtype=torch.int64)
    places, scored = torch.zeros_like(ids), torch.zeros(shape, dtype=torch.bool)
    # The nodes by what has been said, from the prompt's end on: shorter beginnings first.
    begun = sorted({tuple(row[:n]) for row in rows for n in range(1, len(row) + ended)}, key=len)
    number = {(): 0} | {said: index for index, said in enumerate(begun, start=1)}
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row) + 1] = 1
        scored[index, : len(row) + ended] = True
        for n in range(len(row) + ended):
            places[index, n] = number[tuple(row[:n])]
    above = [[said[: len(other)] == other for other in begun] for said in begun]
    return ClassNames(
        ids=ids,
        mask=mask,
        nodes=torch.tensor([said[-1] for said in begun], dtype=torch.int64),
        depths=torch.tensor([len(said) for said in begun], dtype=torch.int64),
        above=torch.tensor(above, dtype=torch.bool).view(len(begun), len(begun)),
        places=places,
        scored=scored,
    )


def read_names(
    model: Any,
    prompt: Tensor,
    *,
    mask: Tensor,
    positions: Tensor,
    names: ClassNames,
    both_ways: bool,
) -> Tensor:
    """Return the last layer's states after the prompt and after each node, (B, 1 + N, hidden).

    Args:
        model: transformers' language model, with eager or PyTorch's own attention.
        prompt: (B, L, hidden), its embeddings; the last one is that of a word.
        mask: int64 (B, L), 0 for padding.
        positions: int64 (..., B, L).
        names: on the prompt's device.
        both_ways: whether the words of the prompt attend to those that follow them, too.
    """
    batch, length, _ = prompt.shape
    nodes = model.get_input_embeddings()(names.nodes).to(prompt.dtype)
    after = positions[..., -1:] + names.depths
    states: Tensor = model(
        inputs_embeds=torch.cat([prompt, nodes.expand(batch, -1, -1)], dim=1),
        attention_mask=_masks(model.config, mask, names, both_ways=both_ways, dtype=prompt.dtype),
        position_ids=torch.cat([positions, after], dim=-1),
        use_cache=False,
    ).last_hidden_state
    return states[:, length - 1 :]


def _masks(
    config: Any, mask: Tensor, names: ClassNames, *, both_ways: bool, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Return what is added to the attention's logits, (B, 1, L + N, L + N), per type of layer."""
    length, count = mask.shape[1], len(names.nodes)
    kinds = set(config.layer_types)
    # Where each token would stand if its name alone followed the prompt.
    line = torch.cat([torch.arange(length, device=mask.device), length - 1 + names.depths])
    in_prompt = torch.arange(length + count, device=mask.device) < length
    back = line[:, None] - line
    seen = back >= 0
    seen[length:, length:] = names.above
    whole = in_prompt[:, None] & in_prompt & both_ways
    real = torch.cat([mask.bool(), mask.new_ones(len(mask), count).bool()], dim=1)
    masks = {}
    for kind in kinds:
        near = back < config.sliding_window if kind == "sliding_attention" else True
        allowed = ((seen & near) | whole) & real[:, None]
        added = torch.zeros(allowed.shape, dtype=dtype, device=mask.device)
        masks[kind] = added.masked_fill_(~allowed, torch.finfo(dtype).min)[:, None]
    return masks
