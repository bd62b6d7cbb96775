"""What a model is shown and asked: the frames of clips, and conversations about them.

In come the manifest, the indexes of the trajectories, their shards and the videos; out come images
(uint8 RGB) with their timing, and the parts of a key that decide them. Read `clip_reader` first:
it finds and decodes the frames of a clip. `frames` chooses which ones, `kept_frames` keeps them in
the store, `conversation` holds the questions and the interface of a model that answers them.
"""
