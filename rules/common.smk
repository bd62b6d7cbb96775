# For all rule files. The checked configuration, the plan of the datasets, and lists of files.
# Computation belongs in facewave.planning; this file holds only what needs Snakemake's globals.
import sys
from functools import wraps
from pathlib import Path

# Not `basedir`, which is another's folder where that uses this workflow as a module.
ROOT = str(Path(workflow.current_basedir).parent)
sys.path.insert(0, ROOT)

from snakemake.exceptions import WorkflowError

from facewave.config.check import check_config
from facewave.config.errors import ConfigError
from facewave.manifest.clips import ManifestError
from facewave.planning.plan import PlanError
from facewave.planning.processes import prepare_jobs
from facewave.planning.project import landmarker_model, open_project, stage_options
from facewave.planning.running import RunningError, only_looks
from facewave.splits.partition import PARTS

prepare_jobs(ROOT)


def told(function):
    """Return a function whose own errors reach the user as they are, without a traceback."""

    @wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (ConfigError, ManifestError, PlanError, RunningError) as error:
            raise WorkflowError(str(error)) from None

    return call


CONFIG = told(check_config)(config)
# Snakemake does not say yet, while it reads the Snakefile, whether it is going to run jobs.
LOOKS = only_looks(sys.argv[1:])
PROJECT = told(open_project)(CONFIG, write=workflow.is_main_process, looks=LOOKS)
PROTOCOL = PROJECT.protocol
STAGE_OPTIONS = stage_options(CONFIG)
RESULTS = PROJECT.results
DATASET = RESULTS / "{dataset}"
STORE = RESULTS / "store"
# As an input it is never wrapped in `ancient`: if an `ancient` input is still to be made, Snakemake
# 9.27 misses every other reason to run the job.
LANDMARKER_MODEL = landmarker_model(CONFIG)


def of_buckets(stage):
    """Return a function that lists a stage's index files of a rule's dataset."""
    return lambda wildcards: PROJECT.of_buckets(wildcards.dataset, stage)


def of_folds(pattern):
    """List a file per fold of a rule's dataset: `{split}` is its folder, other names are wildcards."""
    return lambda wildcards: PROJECT.of_folds(
        wildcards.dataset,
        pattern.format(**dict(wildcards.items()) | {"split": "{split}"}),
    )


def of_seeds(folder):
    """Return a function that lists the MLP's predictions: fold after fold, one file per seed."""
    return lambda wildcards: sum(PROJECT.of_seeds(wildcards.dataset, folder), [])


def of_datasets(pattern, **values):
    """List the files of all enabled datasets; fail only when used if one cannot be planned or split."""
    if PROJECT.unplanned or PROJECT.unlabelled:
        return told(lambda wildcards: PROJECT.of_datasets(pattern, **values))
    return PROJECT.of_datasets(pattern, **values)


def of_dataset(option):
    """Return a function that returns an option of a rule's dataset."""
    return lambda wildcards: PROJECT.datasets[wildcards.dataset][option]


def rendered_files(wildcards):
    """Return what a rule's clips wait for: rendered clips, those of its bucket if it has one, and
    the marker of a download."""
    bucket = wildcards.get("bucket")
    rendered = PROJECT.demo_files(wildcards.dataset, bucket=bucket)
    return [*rendered, *PROJECT.downloads[wildcards.dataset]]


def growing(amount):
    """Return a resource that grows with each attempt, so that a job that had too little gets more."""
    return lambda wildcards, attempt: attempt * amount


wildcard_constraints:
    dataset="(predict/)?[A-Za-z0-9][A-Za-z0-9_.-]*",
    bucket=r"\d+",
    split=r"[^/]+(/fold-[^/]+)?",
