"""From a trained model and somebody's own videos to answers, and how far to trust them.

Feature shards and a model come in (a bundle that `export_model` wrote, a fold's checkpoint, or a
trained vision-language model); out go a row per video and one per window. Read `model.py` first:
`load_model` returns a `Model`, whose members answer through `facewave.mlp.model.predict`, as they
do for the test part of a split. `bucket.py` answers for a bucket and `join.py` makes the tables of
a run; `conformal.py` says which classes cannot be excluded and `trust.py` puts it into words;
`bundle.py` writes and reads the format in which models are shared, `description.py` says what a
model needs of the features. `vlm.py` lets a vision-language model answer in the networks' place,
`vlm_description.py` reads what it says of itself.
"""
