"""What Snakemake has to know while it reads the Snakefile, without knowing of Snakemake.

In comes the configuration; out go lists of files and the options of the stages, which the rule
files pass on. `project.py` is the way in: `open_project` reads the label files of the enabled
datasets and returns a `Project`, whose methods list the files of buckets, folds and datasets.
`plan.py` writes the key files that say what of a clip changed; `scenes.py`, `ablation.py`, `vlm.py`
and `texts.py` plan the stages whose files depend on more than that. `prune.py` finds what of the
store nothing needs, and `scheduler.py` mends what Snakemake's own scheduler costs. Nothing here
imports Snakemake, and nothing imported here imports torch, cv2 or mediapipe: every dry run pays.
"""
