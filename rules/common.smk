# What every rule file uses: the checked configuration, the plan of each dataset, path helpers.
import os
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(workflow.basedir))
# Scripts run in processes of their own and import facewave from here as well.
os.environ["PYTHONPATH"] = os.pathsep.join(
    part for part in (str(workflow.basedir), os.environ.get("PYTHONPATH")) if part
)

from snakemake.exceptions import WorkflowError

from facewave import __version__
from facewave.config import ConfigError, check_config, dataset_config
from facewave.datasets import load_clips
from facewave.encode_bucket import FEATURE_VERSION
from facewave.manifest import ManifestError
from facewave.partition import fold_names
from facewave.plan import plan_dataset, read_plan
from facewave.track_bucket import TRACK_VERSION

try:
    CONFIG = check_config(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = Path(CONFIG["results"])
STORE = RESULTS / "store"
DATASETS = {name: dataset_config(CONFIG, name) for name in CONFIG["enabled"]}
LANDMARKER_OPTIONS = {
    name: CONFIG["landmarker"][name]
    for name in (
        "max_faces",
        "min_detection_confidence",
        "min_presence_confidence",
        "min_tracking_confidence",
    )
}
STAGE_OPTIONS = {
    "tracks": {
        "landmarker": LANDMARKER_OPTIONS,
        "default_fps": CONFIG["landmarker"]["default_fps"],
        "model_sha256": CONFIG["landmarker"]["sha256"],
        "version": TRACK_VERSION,
    },
    "features": {
        "wavelet": CONFIG["wavelet"],
        "quality": CONFIG["quality"],
        "version": FEATURE_VERSION,
    },
}


def load_dataset(name):
    """Return the clips of a dataset; raises what its adapter says about bad rows."""
    options = DATASETS[name]
    return load_clips(
        name,
        options,
        classes=options["classes"],
        seed=CONFIG["seed"],
        demo_root=RESULTS / name / "demo_clips",
    )


def make_plan(name):
    """Plan a dataset: from its label files here, from the written plan in a job's own process."""
    if not workflow.is_main_process:
        return read_plan(RESULTS / name)
    try:
        clips = load_dataset(name)
    except ManifestError as error:
        raise WorkflowError(str(error)) from None
    return plan_dataset(
        clips,
        folder=RESULTS / name,
        buckets=CONFIG["buckets"],
        stage_options=STAGE_OPTIONS,
    )


PLANS = {name: make_plan(name) for name in DATASETS}
PROTOCOL = CONFIG["split"]["protocol"]
FOLDS = {name: fold_names(PROTOCOL, plan.subjects) for name, plan in PLANS.items()}


def split_folders(dataset):
    """Return the folder names, under splits/ and mlp/, of the dataset's folds."""
    return [f"{PROTOCOL}/{fold}" for fold in FOLDS[dataset]] or [PROTOCOL]


def bucket_files(stage):
    """Return a function that lists the bucket files of a stage for a rule's dataset."""
    return lambda wildcards: [
        f"{RESULTS}/{wildcards.dataset}/{stage}/{bucket}.tsv"
        for bucket in PLANS[wildcards.dataset].buckets
    ]


def of_datasets(pattern):
    """Expand {dataset} (and {split}) of a path over everything that is enabled."""
    return [
        f"{RESULTS}/" + pattern.format(dataset=dataset, split=split)
        for dataset in DATASETS
        for split in (split_folders(dataset) if "{split}" in pattern else [None])
    ]


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    bucket=r"\d+",
    split=r"[^/]+(/fold-[^/]+)?",
