"""A tracked video with what was found drawn into it, as H.264 that every browser plays.

In come a video, its trajectory shard and the timeline of answers; out comes an MP4 with the same
times and the same sound. Read `render` first: it draws frame by frame (`face_lines`, `panel`) and
`encode` writes, with `sound` beside it. `timeline` reads the answers, `overlay_bucket` goes through
the clips of a bucket.
"""
