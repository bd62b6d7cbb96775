"""A page to look at what was predicted: a list of the videos, and a page for each of them.

In come the tables of a prediction, trajectories and overlays; out come HTML files that need no
network. Read `write` first; `events` finds the moments to jump to, `curves` the lines of the
timeline, `elan` writes the answers for ELAN. `templates/` holds pages, style and JavaScript.
"""
