# facewave: face videos -> trajectories -> Haar codes -> Parquet splits -> models -> report.
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.basedir}/config.yaml"


include: "rules/common.smk"
include: "rules/common_scenes.smk"
include: "rules/detect_scenes.smk"
include: "rules/landmarker.smk"
include: "rules/demo.smk"
include: "rules/manifest.smk"
include: "rules/tracks.smk"
include: "rules/features.smk"
include: "rules/splits.smk"
include: "rules/mlp.smk"
include: "rules/common_ablation.smk"
include: "rules/ablate.smk"
include: "rules/common_near_duplicates.smk"
include: "rules/tune.smk"
include: "rules/cross_validate.smk"
include: "rules/common_explanation.smk"
include: "rules/explain.smk"
include: "rules/common_vlm.smk"
include: "rules/common_ask.smk"
include: "rules/face_crops.smk"
include: "rules/report.smk"
include: "rules/vlm.smk"
include: "rules/transcripts.smk"
include: "rules/export_chat.smk"
include: "rules/text_fusion.smk"
include: "rules/zero_shot.smk"
include: "rules/fine_tune.smk"
include: "rules/prune.smk"
include: "rules/near_duplicates.smk"
include: "rules/annotate.smk"
include: "rules/check_dataset.smk"


# What Snakemake itself costs must not grow with the jobs that have ended: see facewave.planning.scheduler.
onstart:
    start_one_timer_at_a_time(workflow.scheduler)


# The target without a name: everything up to the report of every enabled dataset.
rule all:
    default_target: True
    input:
        rules.report.input,
