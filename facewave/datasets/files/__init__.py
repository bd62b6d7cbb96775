"""What adapters read: trees of files, tables and workbooks, official lists, paths below a root.

`tree` says which tables, videos and folders of frames lie below a root; `sheets` reads tables in
every form that is met; `folds`, `dfew_lists` and `mafw_tables` know official lists; `paths` checks
that a clip's path stays below its root and that the file is there.
"""
