"""Describe a dataset's splits to other programs: a dataset card, and Croissant metadata beside it.

The card is a `README.md` with the metadata of the Hugging Face hub, so that the folder of the
splits can be handed to `datasets.load_dataset` as it is. Croissant (`croissant.json`, JSON-LD) says
the same to search engines and loaders. Both name no path but those below that folder.

References:
- M. Akhtar et al., "Croissant: a metadata format for ML-ready datasets", DEEM, 2024; version 1.0 of
  the format.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from facewave import __version__
from facewave.splits.baseline import RULE
from facewave.splits.read import METADATA_KEY
from facewave.storage.atomic import write_json, write_text
from facewave.storage.parquet import parquet_schema, read_parquet
from facewave.storage.store import file_sha256

# Short names as the hub knows them, and addresses. Of other datasets only their owners know it.
_CC = ("cc-by-nc-sa-4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/")
LICENCES = {
    "ravdess": _CC,
    "ravdess_tracks": _CC,
    "crema_d": ("odbl", "https://opendatacommons.org/licenses/odbl/1-0/"),
}
_HUB_PARTS = {"train": "train", "val": "validation", "test": "test"}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
_MEANINGS = {
    "clip_id": "name of the clip",
    "file_path": "the clip's file, relative to the root of the dataset",
    "video_idx": "number of the clip in its dataset",
    "label": "the class, counted from 0",
    "actual": "the class's name",
    "subject": "who is seen, where known",
    "take": "recordings of one take have the same one",
    "source": "film or recording that the clip was cut from",
    "text": "what is said, or a description",
    "start_ms": "of a part of a longer video",
    "end_ms": "of a part of a longer video",
    "label_distribution": "fraction of the votes for each class",
    "valid": "whether a usable face was tracked; without one all features are 0",
    "reason": "why a clip is not valid",
    "frames": "number of frames",
    "detected": "frames that show the face",
    "detection_ratio": "their fraction",
    "longest_gap": "most frames in a row without it",
    "jitter": "how much the points tremble",
    "mean_abs_yaw": "degrees that the head is turned by, a mean",
    "feature_key": "key of the clip's features",
}
_TYPES = {
    "string": "sc:Text", "int32": "sc:Integer", "bool": "sc:Boolean", "float": "sc:Float",
}  # fmt: skip

_CARD = """
# {title}

One row per clip: its label, how well its face was tracked, and codes of how the face moves in it
(facewave {version}). {what}

**It can identify people.** It holds no picture and no sound, but the shape of a face is personal
data in many countries, and so may be names, texts and the paths in `file_path`. Share it as the
licence of the videos and the consent of the people allow.

**Licence**: {licence}

## Parts

| fold | part | clips | valid | {heads} |
|---|---|---|---|{rules}|
{parts}

{protocol}

```python
import datasets
part = datasets.load_dataset("path/to/this/folder", {first}, split="train")
```

## Columns

| column | type | shape | what |
|---|---|---|---|
{columns}

Feature groups are flat lists in row-major order of their shape: rows are coefficients or time
scales, then points and axes. How they were made:

```json
{made}
```

## What it is for

Research on facial expressions in video. Labels are what actors were asked for or raters saw, not
what people felt. It is not made for, and says nothing reliable about, single people: not for
hiring, policing, health or surveillance.
"""


@dataclass(frozen=True, kw_only=True)
class PartFile:
    """One part of one fold.

    Attributes:
        fold, part: their names; the fold of a protocol without folds is the protocol.
        path: below the folder of the splits.
        sha256, size: of the file; bytes.
        valid: number of clips with features.
        counts: number of clips of each class.
        schema: of the file.
    """

    fold: str
    part: str
    path: str
    sha256: str
    size: int
    valid: int
    counts: Sequence[int]
    schema: pa.Schema

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(self.counts)

    @property
    def metadata(self) -> dict[str, Any]:
        """What the writer of the splits said of them."""
        found: dict[str, Any] = json.loads(self.schema.metadata[METADATA_KEY])
        return found


def read_part(folder: Path, path: Path, *, fold: str, part: str) -> PartFile:
    """Read what a card says of a part; its features are not decoded.

    Args:
        folder: of the splits.
        path: the Parquet file, below it.
        fold, part: their names.
    """
    schema = parquet_schema(path)
    classes = json.loads(schema.metadata[METADATA_KEY])["classes"]
    table = read_parquet(path, ["label", "valid"])
    labels = table["label"].to_numpy()
    return PartFile(
        fold=fold,
        part=part,
        path=path.relative_to(folder).as_posix(),
        sha256=file_sha256(path),
        size=path.stat().st_size,
        valid=int(table["valid"].to_numpy().sum()),
        counts=np.bincount(labels, minlength=len(classes)).tolist(),
        schema=schema,
    )


def write_card(folder: Path, parts: Sequence[PartFile], *, dataset: str, adapter: str) -> None:
    """Write `README.md` and `croissant.json` into the folder of the splits, each atomically.

    Args:
        folder: of the splits.
        parts: of all folds; at least one.
        dataset: its name.
        adapter: what reads it; says which licence is known.
    """
    text = "---\n" + _hub(parts, dataset, adapter) + "---\n" + _text(parts, dataset, adapter)
    write_text(folder / "README.md", text)
    write_json(folder / "croissant.json", croissant(parts, dataset=dataset, adapter=adapter))


def croissant(parts: Sequence[PartFile], *, dataset: str, adapter: str) -> dict[str, Any]:
    """Return the Croissant metadata (version 1.0) of a dataset's splits, as JSON-LD.

    Each Parquet file is a `FileObject` and a `RecordSet`; feature groups are repeated floats.
    """
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset,
        "description": f"{_what(parts)} Codes of facial movement. They can identify people.",
        "license": LICENCES[adapter][1] if adapter in LICENCES else _unknown(),
        "version": __version__,
        "citeAs": f"facewave {__version__}, and what the owners of the videos ask to be cited",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": part.path,
                "name": part.path,
                "contentUrl": part.path,
                "contentSize": f"{part.size} B",
                "encodingFormat": "application/x-parquet",
                "sha256": part.sha256,
            }
            for part in parts
        ],
        "recordSet": [_records(part) for part in parts],
    }


def _records(part: PartFile) -> dict[str, Any]:
    name = f"{part.fold}/{part.part}"
    shapes = part.metadata["shapes"]
    fields = []
    for column in part.schema:
        listed = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
        field: dict[str, Any] = {
            "@type": "cr:Field",
            "@id": f"{name}/{column.name}",
            "name": column.name,
            "description": _meaning(column.name, shapes),
            "dataType": "sc:Float" if listed else _TYPES[str(column.type)],
            "source": {"fileObject": {"@id": part.path}, "extract": {"column": column.name}},
        }
        fields.append(field | ({"repeated": True} if listed else {}))
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _hub(parts: Sequence[PartFile], dataset: str, adapter: str) -> str:
    """Return the metadata that the Hugging Face hub reads, as YAML."""
    import yaml

    # All folds hold the same clips.
    clips = sum(part.clips for part in parts if part.fold == parts[0].fold)
    size = next((name for limit, name in _SIZES if clips < limit), "100K<n<1M")
    content = {
        "pretty_name": dataset,
        "license": LICENCES[adapter][0] if adapter in LICENCES else "other",
        "task_categories": ["video-classification"],
        "tags": ["facial-expression-recognition", "face-landmarks", "croissant"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": fold,
                "data_files": [
                    {"split": _HUB_PARTS[part.part], "path": part.path}
                    for part in parts
                    if part.fold == fold
                ],
            }
            for fold in dict.fromkeys(part.fold for part in parts)
        ],
    }
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _text(parts: Sequence[PartFile], dataset: str, adapter: str) -> str:
    about, schema = parts[0].metadata, parts[0].schema
    made = {key: about[key] for key in ("features", "tracks", RULE) if about.get(key)}
    return _CARD.format(
        title=_plain(dataset),
        version=__version__,
        what=_plain(_what(parts)),
        licence=f"{LICENCES[adapter][0]}, <{LICENCES[adapter][1]}>"
        if adapter in LICENCES
        else _unknown(),
        heads=" | ".join(map(_plain, about["classes"])),
        rules="|".join("---" for _ in about["classes"]),
        parts="\n".join(
            f"| {_plain(part.fold)} | {part.part} | {part.clips:,} | {part.valid:,} | "
            + " | ".join(f"{count:,}" for count in part.counts)
            + " |"
            for part in parts
        ),
        protocol=f"Protocol: `{_plain(about['split']['protocol'])}`." if "split" in about else "",
        first=json.dumps(parts[0].fold),
        columns="\n".join(
            f"| `{column.name}` | {_kind(column.type)} | {_shape(column.name, about['shapes'])} "
            f"| {_meaning(column.name, about['shapes'])} |"
            for column in schema
        ),
        # A fence cannot be closed by what stands in JSON: it has no line of three backticks.
        made=json.dumps(made, indent=1, sort_keys=True, ensure_ascii=True),
    )


def _what(parts: Sequence[PartFile]) -> str:
    classes = parts[0].metadata["classes"]
    return f"{len(classes)} classes: {', '.join(classes)}."


def _unknown() -> str:
    return "that of the videos' dataset, which facewave does not know: state it here"


def _plain(text: str) -> str:
    """Return text from data so that it is no Markdown and no HTML."""
    one_line = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*_\[\]|#~])", r"\\\1", one_line)


def _meaning(column: str, shapes: Mapping[str, Sequence[int]]) -> str:
    return "features" if column in shapes else _MEANINGS[column]


def _shape(column: str, shapes: Mapping[str, Sequence[int]]) -> str:
    return " x ".join(map(str, shapes[column])) if column in shapes else ""


def _kind(kind: pa.DataType) -> str:
    listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    return f"list of {kind.value_type}" if listed else str(kind)


# The context of the format's specification; programs warn of any other.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
