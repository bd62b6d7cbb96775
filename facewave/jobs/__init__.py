"""What every job of the workflow needs: a log of its own, progress, and limits of memory.

`log` sends what a job prints to its log file, `chatter` keeps MediaPipe's lines out of it,
`memory` tells how much memory it may still take, `system_libraries` whether the libraries that
OpenCV and MediaPipe link to are installed. `clip_errors` decides whether an error flags a clip or
fails the job, `signs_of_life` lets a process that watches another one know that work goes on.
"""
