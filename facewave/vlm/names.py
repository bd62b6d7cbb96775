"""Names that stand for toys; light, so that the Snakefile can import it."""

from __future__ import annotations

TINY_QWEN = "tiny-random-qwen"
TINY = "tiny-random"
DTYPES = ("bfloat16", "float32")
