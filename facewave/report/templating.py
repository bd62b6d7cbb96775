"""The Jinja environment of the pages."""

from __future__ import annotations

import math
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_TEMPLATES = Path(__file__).parent / "templates"
# Whatever gets into a page from data: a browser runs no script and fetches nothing.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def environment(*folders: Path) -> Environment:
    """Return the Jinja environment: every value is escaped, an undefined one is an error.

    Args:
        folders: of templates that are looked for before those of the report.
    """
    environment = Environment(
        loader=FileSystemLoader([*folders, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["policy"] = _POLICY
    environment.filters |= {
        "count": _count,
        "percent": _percent,
        "number": _number,
        "over_seeds": _over_seeds,
    }
    return environment


def _count(value: int, word: str = "", plural: str = "") -> str:
    """Return a whole number with a thousands separator, and a word in singular or plural."""
    text = f"{value:,}"
    if not word:
        return text
    return f"{text} {word if value == 1 else plural or word + 's'}"


def _percent(value: float | None, digits: int = 1) -> str:
    """Return a fraction as a percentage without its sign; None and NaN as a dash."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.{digits}f}"


def _over_seeds(mean: float, std: float | None) -> str:
    """Return a fraction as a percentage, with its standard deviation if it is of several seeds."""
    return _percent(mean) if std is None else f"{_percent(mean)} ± {_percent(std)}"


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"
