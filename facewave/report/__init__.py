"""The report of a dataset: one self-contained HTML page, and its quality table as CSV."""

from facewave.report.page import write_report

__all__ = ["write_report"]
