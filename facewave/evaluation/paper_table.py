"""The table that papers print: the recall of each class, UAR and WAR; as CSV and as LaTeX."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.evaluation.names import LINEAR, MLP
from facewave.evaluation.predictions import INVALID_ANSWER
from facewave.storage.atomic import write_text
from facewave.storage.tables import write_csv

# What LaTeX takes for commands, and how they are printed.
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "&": r"\&", "%": r"\%", "$": r"\$",
    "#": r"\#", "_": r"\_", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One model; fractions from 0 to 1, None where not defined.

    Attributes:
        method: its name.
        recalls: one per class.
        uar, war: over all test clips, means over the seeds.
        uar_std, war_std: standard deviation over the seeds; None for one.
    """

    method: str
    recalls: tuple[float | None, ...]
    uar: float
    war: float
    uar_std: float | None = None
    war_std: float | None = None


def paper_rows(scores: Mapping[str, Any]) -> list[PaperRow]:
    """Return the rows of the MLP, the linear model and the majority class.

    Args:
        scores: see `facewave.evaluation.evaluate.evaluate_folds`, with `linear` if there is one.
    """
    std = (scores["seeds"]["std"]) or {}
    rows = [_row(MLP, scores["overall"], std)]
    if scores.get("linear"):
        rows.append(_row(LINEAR, scores["linear"]["overall"], {}))
    return [*rows, _row("majority class", scores["majority_class"], {})]


def _row(method: str, overall: Mapping[str, Any], std: Mapping[str, float]) -> PaperRow:
    return PaperRow(
        method=method,
        recalls=tuple(
            entry["recall"] for entry in overall["per_class"] if entry["name"] != INVALID_ANSWER
        ),
        uar=overall["uar"],
        war=overall["war"],
        uar_std=std.get("uar"),
        war_std=std.get("war"),
    )


def write_table_csv(
    path: Path, rows: Sequence[PaperRow], *, classes: Sequence[str], calibration: str | None
) -> None:
    """Write the rows in percent with two decimals.

    Args:
        path: to write.
        rows: at least one.
        classes: those of the rows.
        calibration: what the scores rest on (see `facewave.evaluation.calibration`); a column.
    """
    columns = ["method", *classes, "uar", "uar_std", "war", "war_std", "calibration"]
    lines = [
        [
            row.method,
            *map(_percent, [*row.recalls, row.uar, row.uar_std, row.war, row.war_std]),
            calibration or "",
        ]
        for row in rows
    ]
    write_csv(path, columns, lines)


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.2f}"


def write_table_tex(
    path: Path, rows: Sequence[PaperRow], *, classes: Sequence[str], caption: str
) -> None:
    """Write the rows as a table of LaTeX with the package `booktabs`, in percent.

    Args:
        path: to write.
        rows: at least one.
        classes: those of the rows.
        caption: of the table; says what was scored, and what the scores rest on.
    """
    head = " & ".join(["Method", *(escape(name.capitalize()) for name in classes), "UAR", "WAR"])
    lines = [
        r"% Needs \usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(classes) + 2)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *(rf"{' & '.join(_cells(row))} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    write_text(path, "\n".join(lines) + "\n")


def _cells(row: PaperRow) -> list[str]:
    recalls = ["--" if recall is None else f"{100 * recall:.1f}" for recall in row.recalls]
    scores = [_with_spread(row.uar, row.uar_std), _with_spread(row.war, row.war_std)]
    return [escape(row.method), *recalls, *scores]


def _with_spread(value: float, std: float | None) -> str:
    return f"{100 * value:.1f}" + ("" if std is None else rf" $\pm$ {100 * std:.1f}")


def escape(text: str) -> str:
    """Return text as LaTeX prints it; a line break becomes a blank."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(text.split()))
