"""Open datasets that the workflow downloads itself.

`release` says what a release consists of (`ravdess` and `crema_d` list theirs) and what of it is
missing below a root; `fetch` downloads it, over the network, and `unpack` takes archives apart.
Planning needs only the first: the names, sizes and checksums of all files are known beforehand, so
that clips are planned before they are there.
"""
