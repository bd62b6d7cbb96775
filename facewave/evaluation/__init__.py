"""Predictions of a model in, scores and figures out; models of all kinds are scored alike.

Read `evaluate.py` first: it reads the predictions and the splits of all folds, refuses test clips
that were trained on, and scores classes or values beside a baseline. `predictions.py` is the file
format between every model and this package, `metrics.py` the scores (UAR, WAR, CCC and others),
`resampling.py` the bootstrap intervals and the paired permutation test, over the people, recordings
or clips of `units.py`. `cross_validation.py` puts the folds side by side, beside the scores of
`published.py`.
"""
