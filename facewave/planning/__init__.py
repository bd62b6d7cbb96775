"""What Snakemake has to know while it reads the Snakefile; nothing here depends on Snakemake.

The configuration comes in; lists of files and the options of the stages go out, and the rule files
pass them on. Start reading at `project.py`: `open_project` reads the label files of the enabled
datasets and returns a `Project`, whose methods list the files of buckets, folds and datasets.
`plan.py` writes the key files, which say what changed in a clip; `scenes.py`, `ablation.py`,
`vlm.py` and `texts.py` plan the stages whose files depend on more than that. `running.py`
keeps from a run in progress what it reads, `processes.py` sets up what jobs inherit, and
`scheduler.py` makes Snakemake's scheduler cheaper.
Nothing imported here imports torch, cv2 or mediapipe, since every dry run would pay for it.
"""
