"""From videos to trajectories: where the landmarks of one face are in every frame of a clip.

In come the clips of a bucket (a key file) and MediaPipe's FaceLandmarker bundle; out go one
trajectory shard per clip in the store and the bucket's index, one row per clip. Read `track_video`
first: it decodes a clip, finds the faces (`landmarker`), follows one of them (`primary_face`) and
writes the shard, with small pictures for the report (`frame_pictures`). `track_bucket` does that for
a bucket, in a process of its own (`worker`, `facewave.video.isolated`), so that a video that
crashes the decoder costs one clip. `model_file` provides the bundle, and `face_crops` makes aligned
images of the tracked faces.
"""
