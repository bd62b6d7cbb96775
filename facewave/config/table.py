"""The page that describes every key of the configuration, written from the schema.

`python -m facewave.config.table docs/configuration.md` (or `make docs`) writes it; a test says when
it no longer fits the schema.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from facewave.config.errors import expectation
from facewave.config.schema import adapter_schema, adapters, resolve, schema
from facewave.messages import as_yaml
from facewave.storage.atomic import write_text

CONFIG_PATH = Path(__file__).resolve().parents[2] / "config.yaml"
PAGE_PATH = CONFIG_PATH.parent / "docs" / "configuration.md"

# Headings of the page and the sections of the configuration below them, in the order of the
# pipeline. The datasets come after the first heading.
_STAGES = {
    "Tracking": ("landmarker", "video", "scenes"),
    "Features": ("quality", "features", "wavelet"),
    "Splits": ("split", "near_duplicates", "pack"),
    "MLP": ("mlp",),
    "Ablation and explanation": ("ablation", "explanation"),
    "Text and speech": ("transcripts", "text_fusion", "export_chat"),
    "Vision-language models": ("vlm", "zero_shot", "annotate"),
    "Prediction and models to share": ("predict", "overlay", "export_model"),
    "Report, images and tables": ("report", "face_crops", "export_frames"),
}
_INTRODUCTION = """# Configuration

<!-- Written by `make docs` from schemas/config.schema.yaml: change the descriptions there. -->

`config.yaml` shows the keys that people change most. Every key that is missing there has the
default given here. Keep your own settings in a second file, which holds only what you change:

    snakemake --configfile mine.yaml --cores 8

A single value can be given in the command, such as `--config seed=7`. Unknown keys and values that
cannot work stop the run before it starts, with one message that names all of them.

In every path (folders, tables, models' folders) `~`, `$VAR` and `${VAR}` are expanded; an undefined
variable is refused by name, and `$$` is a dollar sign.
"""
_DATASETS = """
## Datasets

`datasets` maps names to datasets, and `enabled` says which of them to work on. Each dataset has an
`adapter`, which reads its label files, and further keys (docs/datasets.md has examples):

    datasets:
      mine: {adapter: table, root: /data/mine, table: labels.csv}
"""
# Adapters that a shared key may lack before the page lists those that have it.
_MOST_EXCEPTIONS = 3

Row = tuple[str, ...]


def configuration_page() -> str:
    """Return the page as Markdown: one table per section, keys shared by datasets once."""
    sections = {name: resolve(part) for name, part in schema()["properties"].items()}
    staged = [name for names in _STAGES.values() for name in names]
    general = {name: part for name, part in sections.items() if name not in (*staged, "datasets")}
    parts = [_INTRODUCTION, "\n## General\n\n", _table(_rows({"properties": general}, ""))]
    parts += [_DATASETS, *_dataset_tables()]
    for heading, names in _STAGES.items():
        parts.append(f"\n## {heading}\n")
        for name in names:
            parts.append(f"\n### `{name}`\n\n{sections[name]['description']}\n\n")
            parts.append(_table(_rows(sections[name], f"{name}.")))
    return "".join(parts)


def _dataset_tables() -> Iterator[str]:
    keys = {name: (adapter_schema(name) or {})["properties"] for name in adapters()}
    # The adapter with the most keys has all that adapters share, as references to definitions.
    fullest = max(keys.values(), key=len)
    shared = {key: member for key, member in fullest.items() if set(member) == {"$ref"}}
    rows: list[Row] = []
    for key, member in shared.items():
        users = [name for name in keys if keys[name].get(key) == member]
        required = (adapter_schema(users[0]) or {}).get("required", ())
        found = _rows({"properties": {key: member}, "required": required}, "")
        rows += [(*row, _named(users)) for row in found]
    yield "\n### Keys that several adapters have\n\n"
    yield _table(rows, "adapters")
    for adapter, members in keys.items():
        part = adapter_schema(adapter) or {}
        own = {k: m for k, m in members.items() if k != "adapter" and shared.get(k) != m}
        yield f"\n### Adapter `{adapter}`\n\n{part['description']}\n"
        if own:
            yield "\n" + _table(_rows({**part, "properties": own}, ""))


def _named(names: list[str]) -> str:
    missing = [name for name in adapters() if name not in names]
    if not missing:
        return "all"
    if len(missing) <= _MOST_EXCEPTIONS:
        return f"all but {_code(missing)}"
    return _code(names)


def _code(names: Iterable[object]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rows(part: Mapping[str, Any], path: str) -> Iterator[Row]:
    """Yield key, default and meaning of all keys of a sub-schema, and of the keys within them."""
    for key, member in part.get("properties", {}).items():
        member = resolve(member)
        yield f"`{path}{key}`", _default(part, key, member), _meaning(member)
        yield from _rows(member, f"{path}{key}.")
        others = member.get("additionalProperties")
        if isinstance(others, Mapping):
            yield from _rows(resolve(others), f"{path}{key}.<name>.")


def _default(part: Mapping[str, Any], key: str, member: Mapping[str, Any]) -> str:
    if key in part.get("required", ()):
        return "required"
    if "properties" in member and member.get("default") == {}:
        return ""
    return f"`{as_yaml(member['default'])}`" if "default" in member else ""


def _meaning(member: Mapping[str, Any]) -> str:
    words: str = member["description"]
    items = member.get("items", {})
    if member.get("type") in ("integer", "number"):
        return f"{words} {_sentence(expectation(member))}"
    for choices, start in ((member.get("enum", ()), "One of"), (items.get("enum", ()), "Any of")):
        if any(as_yaml(choice) not in words for choice in choices):
            return f"{words} {start} {_code(map(as_yaml, choices))}."
    return words


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _table(rows: Iterable[Row], *more: str) -> str:
    head = ("key", "default", "meaning", *more)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_text(Path(sys.argv[1]), configuration_page())
    else:
        print(configuration_page(), end="")
