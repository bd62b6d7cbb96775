"""From a video file, or a folder of frames, to its frames.

Read `open` first: it opens either kind as a `Video` (`decode`), whose frames come in order, RGB, as
uint8 (height, width, 3); `stream` decodes them. `frame_folder` reads images in a folder. Every
stage calls what opens a file through `isolated`, in a child process (`reader`) that may crash, hang
or grow. Long videos are divided into clips by `segments`, at the cuts that `scene_detection` finds
and `scene_lists` keeps.
"""
