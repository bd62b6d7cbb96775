"""Descriptions of clips in words, written by a vision-language model, and their checks.

In come the manifest and trajectories of a dataset, and of another one with captions as examples;
out come a table of descriptions (Parquet, CSV), the examples, and counts of what is wrong with
them. Read `annotate` first: it is the whole job. `examples` chooses the examples, `checks` flags a
description with the help of `emotion_words`, and `tables` writes the descriptions and sums up.
"""
