"""From features to training, validation and test data.

In come the manifest, the feature shards and the buckets' indexes; out go three Parquet files per
fold, one row per clip, which every model reads. Read `partition` first: it decides which clip goes
into which part, and `leaks` says what two parts must not share. `write` builds the Parquet files
and `read` reads them back into arrays. `near_duplicates` finds clips that two datasets have in
common, `export_chat` and `export_npy` write the splits in other formats.
"""
