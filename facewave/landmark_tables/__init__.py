"""Tables of landmarks over time, as other trackers write them, in place of videos.

In comes a CSV or Parquet file of OpenFace 2, py-feat, MediaPipe or of the plain form, with one clip
or many; out come the rows of a clip as arrays. `layout` finds out from the header which column is
what, `read` reads the file, `options` says what a dataset may choose. The trajectory shard is
written by `facewave.tracking.track_table`.
"""
