"""From a dataset's own label files to its clips.

In comes the configuration of a dataset; out come checked clips (`facewave.manifest.clips.Clip`), or
one error that names every row that cannot be used. Read `load` first: an adapter reads the label
files (`adapters/`, one file per dataset, with the help of `files/`), `rows` holds what it found,
`build_clips` checks it, `targets` joins real values. `joint` makes one dataset of several, `texts`
joins captions and transcripts, `check` tells which adapter fits a folder.

How to add an adapter, here for a dataset `mimes` whose clips have names like `s01_happy_2.mp4`:

1. Write `facewave/datasets/adapters/mimes.py`; the adapter is called as the file is::

       import re

       from facewave.datasets.files.tree import named_clips, tree_of
       from facewave.datasets.rows import Collector

       NAME = re.compile(r"(s[0-9]+)_([a-z]+)_([0-9]+)")

       def load(options, *, classes, root):
           tree = tree_of(root, dataset="Mimes", advice="Point `root` at the folder of the clips.")
           found = Collector(classes, options)
           for path, name in named_clips(tree, NAME):
               found.add(path, file_path=path, word=name[2], subject=name[1], take=name[3])
           return found.rows("Mimes")

2. In `schemas/config.schema.yaml`, copy the definition `adapter_java_sed` to `adapter_mimes` and
   change the descriptions and the name after `const`; options of its own go there as well. Then
   `make docs` lists them.

Now `datasets: {mine: {adapter: mimes, root: /data/mimes}}` works. A dataset may also bring its own
class list (`PRESETS` in `facewave.manifest.class_lists`) and a constant `RELEASE`, by which
`check_dataset` recognises it (see `facewave.datasets.release`).
"""
