"""The demo dataset: synthetic clips, rendered from one photograph in the public domain.

`recipe` comes first: which clips there are, and what each of them shows; it is plain data, so that
the workflow can plan with it. `acting` moves a face through a clip, `expressions` has the tables of
points and action units, `points` and `warp` do the geometry, `subject` makes up a person, `render`
draws the frames and writes the video.
"""
