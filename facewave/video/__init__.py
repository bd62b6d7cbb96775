"""From a video file, or a folder of frames, to its frames.

Read `open` first: it opens either kind as a `Video` (`decode`), whose frames come in order, RGB, as
uint8 (height, width, 3). `frame_folder` reads images in a folder, `frame_count` says how many
frames a container really shows. Long videos are divided into clips by `segments`, at the cuts that
`scene_detection` finds and `scene_lists` keeps.
"""
