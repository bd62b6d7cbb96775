"""From videos to trajectories: where the landmarks of one face are in every frame of a clip.

In come the videos of a bucket (a key file) and MediaPipe's FaceLandmarker bundle; out go one
trajectory shard per video in the store and the bucket's index, one row per clip. Read `track_video`
first: it decodes a video, finds the faces (`face_tracker`, `landmarker`), says who is who
(`linking`) and writes the shard, of which each clip's `trajectory` is a view, with small pictures
for the report (`frame_pictures`). `people` tells whom a clip follows, `second_look` helps where no
face is found. `track_bucket` does that for a bucket in a process of its own (`worker`,
`facewave.video.isolated`), so that a video that crashes the decoder costs itself alone.
`model_file` provides the bundle, and `face_crops` makes aligned images of the tracked faces.
"""
