"""Version of what each stage writes; part of its keys and of its rule's params.

Snakemake does not notice a changed module. Raise a stage's version when its output changes for the
same input and options: then, and only then, existing results are made again.
"""

TRACK_VERSION = 5
FEATURE_VERSION = 6
SPLIT_VERSION = 3
MLP_VERSION = 7
EVALUATION_VERSION = 5
REPORT_VERSION = 8
FRAME_HASH_VERSION = 2
FACE_CROP_VERSION = 2
FRAME_TABLE_VERSION = 1
SCENE_VERSION = 2
EXPLANATION_VERSION = 3
VLM_VERSION = 4
TRANSCRIPT_VERSION = 1
CHAT_EXPORT_VERSION = 2
TEXT_VERSION = 3
ZERO_SHOT_VERSION = 2
SHOWN_FRAME_VERSION = 1
ANNOTATION_VERSION = 2
PACK_VERSION = 1
OVERLAY_VERSION = 1
PREDICT_PAGE_VERSION = 2
PREDICT_VERSION = 1
MODEL_VERSION = 1
CARD_VERSION = 1
