"""What an error of JSON Schema means, in words for the person who wrote the configuration."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from facewave.config.schema import resolve, schema
from facewave.messages import as_yaml, did_you_mean, found, listed, nearest

_ADVICE = (
    "Correct them in config.yaml, in the file given with --configfile or after --config; "
    "docs/configuration.md describes every key."
)
# Old keys, and what replaces them.
_MOVED = {
    "transcripts.join": "datasets.<name>.texts: {from: transcripts}, with replace: true for `all`",
    "vlm.targets.table": "datasets.<name>.targets: {table: scores.csv, columns: [valence]}",
    "mlp.projection": "mlp.fusion.projection, or mlp.fusion: null for no projection",
    **{
        f"mlp.{name}": f"mlp.fusion.{name}"
        for name in (
            *("standardise", "label_smoothing", "mixup", "mirror", "schedule", "keep", "refit"),
            *("ensemble", "calibrate"),
        )
    },
    "mlp.in_memory": "nothing (features stay on disk while train_mlp runs)",
}
_TYPES = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}


class ConfigError(ValueError):
    """The configuration cannot be used.

    Attributes:
        problems: one line per problem, each starting with the key
    """

    def __init__(self, problems: Sequence[str]) -> None:
        """Make the message: each problem on its own line, then what to do."""
        self.problems = list(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"the configuration has {count}:{lines}\n{_ADVICE}")


def describe(error: Any) -> Iterator[str]:
    """Yield one line per problem for an error of jsonschema.

    Args:
        error: a `jsonschema.ValidationError`

    Yields:
        the key, what was found, what was expected and, where there is one, a similar known name
    """
    place = key_path(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from _unknown_keys(place, error)
    elif error.validator == "required":
        # jsonschema gives one error per missing key without saying which; callers drop duplicates.
        for key in error.validator_value:
            if key not in error.instance:
                wanted = expectation(error.schema["properties"][key])
                yield f"{key_path([place, key])}: missing; expected {wanted}"
    elif error.validator == "uniqueItems":
        twice = [item for i, item in enumerate(error.instance) if item in error.instance[:i]]
        yield f"{place}: found {listed(map(repr, twice))} more than once, expected each item once"
    else:
        what = "the key " if "propertyNames" in error.absolute_schema_path else ""
        wanted = expectation(error.schema)
        yield f"{place}: found {what}{found(error.instance)}, expected {wanted}{_hint(error)}"


def key_path(parts: Iterable[object]) -> str:
    """Return `mlp.hidden[1]` for the parts `mlp`, `hidden` and 1; empty parts are left out."""
    path = ""
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part:
            path += f".{part}" if path else str(part)
    return path


def expectation(part: Mapping[str, Any]) -> str:
    """Return in words what a sub-schema expects, for example `a number from 0 to 1`."""
    part = resolve(part)
    if "title" in part:
        return str(part["title"])
    if "enum" in part:
        return f"one of {', '.join(map(str, part['enum']))}"
    types = [part["type"]] if isinstance(part["type"], str) else part["type"]
    words = " or ".join(_TYPES[name] for name in types)
    if part.get("minLength"):
        words = words.replace("text", "text (not empty)")
    if part.get("minItems"):
        words += f" of at least {part['minItems']}"
    if "items" in part:
        words += f" (each: {expectation(part['items'])})"
    if part.get("minProperties"):
        words += " with at least one key"
    return f"{words} {_bounds(part)}".strip()


def _bounds(part: Mapping[str, Any]) -> str:
    if "minimum" in part and "maximum" in part:
        return f"from {part['minimum']} to {part['maximum']}"
    words = [f"{word} {part[key]}" for key, word in _BOUNDS.items() if key in part]
    return " and ".join(words).replace("at least", "of at least")


def _unknown_keys(place: str, error: Any) -> Iterator[str]:
    known = error.schema.get("properties", {})
    for key, value in error.instance.items():
        name = key_path([place, str(key)])
        if name in _MOVED:
            yield f"{name}: found an old key, expected {_MOVED[name]} in its place"
        elif key not in known:
            near = _nearest_key(key, known)
            hint = f"; did you mean {near!r}?" if near is not None else ""
            yield (
                f"{name}: found an unknown key, expected one of "
                f"{listed(known)}{hint} (its value: {found(value)})"
            )


def _nearest_key(key: object, known: Iterable[str]) -> str | None:
    """Look in the section itself and in the others: `dropout` at the top belongs to `mlp`."""
    elsewhere = {
        name: f"{section}.{name}"
        for section, member in reversed(schema()["properties"].items())
        for name in member.get("properties", {})
    }
    elsewhere |= {name: name for name in schema()["properties"]}
    if key in elsewhere:
        return elsewhere[str(key)]
    near = nearest(key, known)
    if near is None:
        far = nearest(key, elsewhere)
        near = None if far is None else elsewhere[far]
    return near


def _hint(error: Any) -> str:
    value, part = error.instance, error.schema
    if error.validator == "enum" and isinstance(value, str):
        return did_you_mean(value, [name for name in part["enum"] if isinstance(name, str)])
    types = part.get("type", ())
    if isinstance(value, str) and _reads_as_number(value) and "string" not in types:
        return (
            "; text here: write the number without quotes in a file for --configfile (nested values"
            " of --config stay text, and YAML takes 1e-3 for text: write 1.0e-3)"
        )
    if types == "array" and isinstance(value, str):
        return f"; write {as_yaml([value])}"
    if types == "string" and error.validator == "type" and not isinstance(value, list | dict):
        return "; put it in quotes" if value is not None else ""
    if types == "object" and value is None:
        return "; give it keys or remove it"
    return ""


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
