"""Every frame of a clip as a table that other programs read, and its trajectory by its name.

In come trajectory shards; out come one CSV or Parquet file per clip, named after it, and the index
of the bucket. Read `export_bucket` first: `measures` computes what is known of each frame, `plain`
and `openface` name the columns, `write` writes them in chunks. `clip_tracks` finds a clip's
trajectory for those who work in Python.
"""
