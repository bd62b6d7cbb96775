"""The manifest: one row per clip of a dataset, the same columns for every dataset.

`clips` comes first: what a clip is, and how the manifest is written and read. `targets` has the
table of real values beside it, `class_lists` the classes that datasets come with and the words that
mean the same class; `subsets` chooses a stratified part of the clips.
"""
