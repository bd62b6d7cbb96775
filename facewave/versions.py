"""Version of what each stage writes; part of its keys and of its rule's params.

Snakemake does not notice a changed module. Raise a stage's version when its output changes for the
same input and options: then, and only then, existing results are made again.
"""

TRACK_VERSION = 1
FEATURE_VERSION = 1
SPLIT_VERSION = 1
MLP_VERSION = 4
EVALUATION_VERSION = 2
REPORT_VERSION = 4
FRAME_HASH_VERSION = 1
FACE_CROP_VERSION = 1
SCENE_VERSION = 1
EXPLANATION_VERSION = 1
VLM_VERSION = 2
TRANSCRIPT_VERSION = 1
CHAT_EXPORT_VERSION = 1
TEXT_VERSION = 2
ZERO_SHOT_VERSION = 1
ANNOTATION_VERSION = 1
FINE_TUNING_VERSION = 1
