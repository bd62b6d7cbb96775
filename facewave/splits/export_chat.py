"""The splits as conversations, one JSON object per line, to train vision-language models elsewhere.

With `llava` each turn is a string, as LLaVA's and Qwen2.5-VL's own training code reads it. With
`messages` each turn is a list of parts, as the chat templates of transformers read it. docs/text.md
describes every key.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from facewave.prompts.questions import chat_template, render
from facewave.splits.read import METADATA_KEY
from facewave.storage.atomic import atomic_path
from facewave.storage.parquet import open_parquet, parquet_schema
from facewave.storage.roots import Located
from facewave.storage.store import shard_path

FORMATS = ("llava", "messages")
_COLUMNS = (
    "clip_id", "file_path", "label", "actual", "text", "start_ms", "end_ms", "valid",
    "reason", "feature_key",
)  # fmt: skip

Record = dict[str, Any]


def export_chat(
    split: str | Path,
    target: Path,
    *,
    form: str,
    prompt: str,
    use_text: bool,
    videos: Located,
    store: Path,
) -> int:
    """Write one part of a split as conversations and return their number.

    Every clip is written, also those without a usable face, which have `valid` false.

    Args:
        split: Parquet file of one part.
        target: the `.jsonl` file (UTF-8), written whole or not at all.
        form: see `FORMATS`.
        prompt: name of a template of `facewave.prompts.questions`, or a template.
        use_text: whether the question holds the clip's text.
        videos: finds the files that the split names.
        store: folder of the content-addressed store.

    Raises:
        PromptError: if the template cannot be used.
        ValueError: if the file is not a split or the form is unknown.
    """
    if form not in FORMATS:
        raise ValueError(f"export_chat.formats: expected {' or '.join(FORMATS)}, got {form!r}")
    turns = _LAYOUTS[form]
    template = chat_template(prompt, text=use_text, key="export_chat.prompt")
    classes, groups = _about(Path(split))
    count = 0
    with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in _rows(split):
            row["file_path"] = videos.path(row["file_path"])
            question = render(template, classes=classes, text=row["text"])
            segment = _segment(row)
            record = turns(row, question, segment) | _facts(row, groups, store)
            record["segment"] = segment
            file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def _rows(split: str | Path) -> Iterator[Record]:
    with open_parquet(split) as file:
        for batch in file.iter_batches(1000, columns=list(_COLUMNS), use_threads=False):
            yield from batch.to_pylist()


def _about(split: Path) -> tuple[Sequence[str], dict[str, list[int]]]:
    """Return the classes of a split and the shapes of its feature groups."""
    schema = parquet_schema(split)
    if METADATA_KEY not in (schema.metadata or {}):
        raise ValueError(f"{split}: not a split of facewave; build it again (snakemake splits)")
    if missing := [name for name in _COLUMNS if name not in schema.names]:
        raise ValueError(f"{split}: no column {missing[0]!r}; remove it and run again")
    metadata = json.loads(schema.metadata[METADATA_KEY])
    return metadata["classes"], metadata["shapes"]


def _llava(row: Mapping[str, Any], question: str, segment: Record | None) -> Record:
    del segment  # these trainers have no key for it
    return {
        "id": row["clip_id"],
        "video": _absolute(row["file_path"]),
        "conversations": [
            {"from": "human", "value": f"<video>\n{question}"},
            {"from": "gpt", "value": row["actual"]},
        ],
    }


def _messages(row: Mapping[str, Any], question: str, segment: Record | None) -> Record:
    video = {"type": "video", "video": _absolute(row["file_path"])}
    if segment:
        # The names that qwen-vl-utils reads.
        video |= {"video_start": segment["start_seconds"], "video_end": segment["end_seconds"]}
    text, answer = ({"type": "text", "text": words} for words in (question, row["actual"]))
    return {
        "id": row["clip_id"],
        "messages": [
            {"role": "user", "content": [video, text]},
            {"role": "assistant", "content": [answer]},
        ],
    }


_LAYOUTS: dict[str, Callable[[Mapping[str, Any], str, Record | None], Record]] = {
    "llava": _llava,
    "messages": _messages,
}


def _facts(row: Mapping[str, Any], groups: Mapping[str, list[int]], store: Path) -> Record:
    return {
        "label": row["label"],
        "valid": row["valid"],
        "reason": row["reason"],
        "face": {"features": _absolute(str(_shard(row, store))), "shapes": dict(groups)}
        if row["valid"]
        else None,
    }


def _shard(row: Mapping[str, Any], store: Path) -> Path:
    return shard_path(store, "features", row["feature_key"])


def _segment(row: Mapping[str, Any]) -> Record | None:
    """Return the part of the video that a segment is, in seconds."""
    if row["end_ms"] is None:
        return None
    return {"start_seconds": row["start_ms"] / 1000, "end_seconds": row["end_ms"] / 1000}


def _absolute(path: str) -> str:
    return str(Path(path).absolute())
