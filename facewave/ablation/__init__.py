"""Test predictions of several variants in, a table of their scores and differences out.

A variant changes options of features or model; all variants are trained on the same trajectories,
leaving one subject out, with several seeds. Read `variants.py` first, which says what a variant is
(the Snakefile imports it), then `compare.py`, which tests every variant against a reference.
`nested.py` chooses a variant by inner folds, and `controls.py` has the variants that must fail.
"""
