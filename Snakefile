# facewave: face videos -> trajectories -> Haar codes -> Parquet splits -> models -> report.
from snakemake import __version__ as snakemake_version
from snakemake.utils import min_version

min_version("9.27")


configfile: f"{workflow.current_basedir}/config.yaml"


report: "docs/captions/workflow.rst"


# One file per stage, in the order of the data; a rule that others inherit from comes first.
include: "rules/common.smk"


if CONFIG["container"]:

    containerized: CONFIG["container"]


include: "rules/demo.smk"
include: "rules/downloads.smk"
include: "rules/manifest.smk"
include: "rules/video.smk"
include: "rules/tracking.smk"
include: "rules/features.smk"
include: "rules/frame_tables.smk"
include: "rules/splits.smk"
include: "rules/packing.smk"
include: "rules/mlp.smk"
include: "rules/evaluation.smk"
include: "rules/cross_datasets.smk"
include: "rules/ablation.smk"
include: "rules/explain.smk"
include: "rules/speech.smk"
include: "rules/text.smk"
include: "rules/preflight.smk"
include: "rules/zero_shot.smk"
include: "rules/predict.smk"
include: "rules/report.smk"
include: "rules/regression.smk"
include: "rules/vlm.smk"
include: "rules/annotation.smk"
include: "rules/predict_page.smk"
include: "rules/storage.smk"


from snakemake.exceptions import ProtectedOutputException
from snakemake.jobs import Job

from facewave.planning.preflight import check_before_run
from facewave.planning.protected import look_at_protected
from facewave.planning.scheduler import start_one_timer_at_a_time

# What runs no job writes no output; see the function.
if LOOKS:
    look_at_protected(Job, ProtectedOutputException)


# Snakemake's own cost must not grow with the number of finished jobs; see the function.
onstart:
    start_one_timer_at_a_time(workflow.scheduler, snakemake_version)
    if workflow.is_main_process:
        told(check_before_run)(
            [(job.rule.name, job.params) for job in workflow.dag.needrun_jobs()],
            here=workflow.local_exec
            and not workflow.deployment_settings.deployment_method,
        )


rule all:
    """Make the report of every enabled dataset and all it needs (the default target)."""
    default_target: True
    input:
        rules.report.input,
