"""Names that stand for toys; light, so that the Snakefile can import it."""

TINY_QWEN = "tiny-random-qwen"
