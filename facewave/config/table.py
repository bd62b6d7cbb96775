"""The README's table of the configuration's keys.

`python -m facewave.config.table` prints it, and with README.md as argument writes it there between
the two marker lines; a test compares the two.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facewave.config.errors import expectation
from facewave.config.schema import adapter_schema, adapters, load_yaml, resolve, schema
from facewave.messages import as_yaml
from facewave.storage.tables import write_text

BEGIN, END = "<!-- config-table:begin -->", "<!-- config-table:end -->"
CONFIG_PATH = Path(__file__).resolve().parents[2] / "config.yaml"


def config_table(config: Mapping[str, Any]) -> str:
    """Return the table of every key as Markdown, without the markers.

    Args:
        config: the content of config.yaml, which the column of defaults shows
    """
    rows = [("key", "default", "meaning"), ("---", "---", "---"), *_rows(schema(), "", config)]
    return "".join(f"| {' | '.join(_escaped(cell) for cell in row)} |\n" for row in rows)


def table_in(readme: str) -> str | None:
    """Return the text between the markers in a README, None where they are missing."""
    rest = readme.partition(BEGIN)[2]
    table, end, _ = rest.partition(END)
    return table.strip("\n") + "\n" if end else None


def _rows(part: Mapping[str, Any], path: str, given: Any) -> Iterator[tuple[str, str, str]]:
    for key, member in part.get("properties", {}).items():
        name = f"{path}.{key}" if path else key
        member = resolve(member)
        value = given.get(key) if isinstance(given, Mapping) else None
        if name == "datasets":
            yield f"**`{name}`**", "", member["description"]
            for adapter in adapters():
                yield from _dataset_rows(adapter, value)
        elif "properties" in member and path == "":
            yield f"**`{name}`**", "", member["description"]
            yield from _rows(member, name, value)
        else:
            yield f"`{name}`", _default(part, key, member, given), _meaning(member)


def _dataset_rows(adapter: str, datasets: Any) -> Iterator[tuple[str, str, str]]:
    part = adapter_schema(adapter) or {}
    examples = datasets.values() if isinstance(datasets, Mapping) else ()
    example: Mapping[str, Any] = next(
        (item for item in examples if item.get("adapter") == adapter), {}
    )
    yield f"**`datasets.<name>`**, adapter `{adapter}`", "", part["description"]
    yield from _rows(part, "datasets.<name>", example)


def _default(part: Mapping[str, Any], key: str, member: Mapping[str, Any], given: Any) -> str:
    if isinstance(given, Mapping) and key in given:
        return f"`{as_yaml(given[key])}`"
    if "default" in member:
        return f"`{as_yaml(member['default'])}`"
    if "const" in member:
        return f"`{member['const']}`"
    return "required" if key in part.get("required", ()) else "`classes`"


def _meaning(member: Mapping[str, Any]) -> str:
    words: str = member["description"]
    if member.get("type") in ("integer", "number"):
        return f"{words.removesuffix('.')}; {expectation(member)}."
    return words


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def _write(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    table = config_table(load_yaml(CONFIG_PATH))
    write_text(readme, f"{head}{BEGIN}\n{table}{END}{tail}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _write(Path(sys.argv[1]))
    else:
        print(config_table(load_yaml(CONFIG_PATH)), end="")
