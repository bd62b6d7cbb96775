"""The multilayer perceptron: two parts of a split come in, a trained model and its answers go out.

Read `train.py` first: `train_mlp` is the whole training, `train_seeds` the same for several seeds
in one pass, and `fit_predict`, which the scripts call, adds the answers for the test part. Features
are standardised (`standardise.py`) and, with `mlp.fusion`, projected group by group
(`projection.py`), mirrored faces among them (`mirror.py`); `network.py` takes them from there,
`epochs.py` and `adamw.py` hold the steps of its training. A trained model predicts, is saved and
loaded in `model.py`. Checks of the parts and the targets of their clips are in `parts.py`, the
options and what they mean in `options.py`.
"""
