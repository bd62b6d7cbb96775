# For all rule files. The checked configuration, the plan of each dataset, lists of paths.
import os
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

sys.path.insert(0, str(workflow.basedir))
# Scripts run in processes of their own and import facewave from here as well.
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(workflow.basedir), os.environ.get("PYTHONPATH")])
    )
)

from snakemake.exceptions import WorkflowError

from facewave.storage.buckets import bucket_of
from facewave.datasets.texts import text_sources, without_targets, without_texts
from facewave.config.errors import ConfigError
from facewave.config.check import check_config, dataset_config
from facewave.config.cross_checks import MADE
from facewave.datasets.load import load_clips
from facewave.demo.recipe import RECIPE_VERSION, demo_clips
from facewave.manifest.clips import COLUMNS, ManifestError
from facewave.planning.scheduler import start_one_timer_at_a_time
from facewave.splits.partition import PARTS, fold_names
from facewave.planning.plan import NO_PLAN, plan_dataset, read_plan
from facewave.planning.scenes import plan_scenes, wanting_scenes
from facewave.video.segments import ScenesUnknownError
from facewave.versions import (
    EVALUATION_VERSION,
    EXPLANATION_VERSION,
    FEATURE_VERSION,
    MLP_VERSION,
    REPORT_VERSION,
    SCENE_VERSION,
    SPLIT_VERSION,
    TRACK_VERSION,
)
from facewave.pretrained import with_pin

try:
    CONFIG = check_config(config)
except ConfigError as error:
    raise WorkflowError(str(error)) from None

RESULTS = Path(CONFIG["results"])
DATASET = RESULTS / "{dataset}"
STORE = RESULTS / "store"
# By its bytes: another model is another file. No `ancient` around it where it is an input: a job whose
# `ancient` input is to be made hides from Snakemake 9.27 every other reason to run the job.
LANDMARKER_MODEL = (
    RESULTS / "models" / f"face_landmarker-{CONFIG['landmarker']['sha256'][:12]}.task"
)
# `check_dataset` looks at another folder than the datasets', which may be broken.
ENABLED = [] if CONFIG["root"] else CONFIG["enabled"]
DATASETS = {name: dataset_config(CONFIG, name) for name in ENABLED}
LANDMARKER_OPTIONS = {
    name: CONFIG["landmarker"][name]
    for name in (
        "max_faces",
        "min_detection_confidence",
        "min_presence_confidence",
        "min_tracking_confidence",
        "max_fps",
        "max_side",
    )
    # What is not asked for is in no key: results of before the option stay valid.
    if CONFIG["landmarker"][name] is not None
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
        "features": CONFIG["features"],
        "quality": CONFIG["quality"],
        "version": FEATURE_VERSION,
    },
}

TRANSCRIPT_OPTIONS = with_pin(
    {
        name: CONFIG["transcripts"][name]
        for name in ("engine", "model", "revision", "language")
    }
)
TEXT_FUSION_OPTIONS = with_pin(CONFIG["text_fusion"])
# MiB: Whisper's weights, or PocketSphinx and its models.
TRANSCRIPT_MEMORY = 8000 if CONFIG["transcripts"]["engine"] == "whisper" else 1000


def plan_scenes_of(name):
    """Plan the detection of scenes of a dataset and of its members, as far as they ask for it."""
    for wanting, options in wanting_scenes(name, DATASETS[name]):
        plan_scenes(
            wanting,
            options,
            scenes={**CONFIG["scenes"], "version": SCENE_VERSION},
            seed=CONFIG["seed"],
            demo_root=RESULTS / wanting / "demo_clips",
        )


def load_dataset(name):
    """Return the clips of a dataset; raises what its adapter says about bad rows."""
    options = DATASETS[name]
    return load_clips(
        name,
        options,
        classes=options["classes"],
        seed=CONFIG["seed"],
        demo_root=RESULTS / name / "demo_clips",
        cache=RESULTS / name / "keys",
    )


# By dataset: why it cannot be planned yet. Nothing but `detect_scenes` can then be made of it.
AWAITING = {}


def make_plan(name):
    """Plan a dataset: from its label files here, from the written plan in a job's own process."""
    if not workflow.is_main_process:
        return read_plan(RESULTS / name)
    try:
        plan_scenes_of(name)
        clips = load_dataset(name)
    except ScenesUnknownError as error:
        AWAITING[name] = str(error)
        return NO_PLAN
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
FOLDS = {
    name: fold_names(
        PROTOCOL,
        plan.subjects,
        official=plan.folds,
        folds=CONFIG["split"]["folds"],
    )
    for name, plan in PLANS.items()
}


def split_folders(dataset):
    """Return the folder names, under splits/ and mlp/, of the dataset's folds."""
    return [f"{PROTOCOL}/{fold}" for fold in FOLDS[dataset]] or [PROTOCOL]


def planned(dataset, path):
    """Return a path of a dataset; raises what has to be done before the dataset can be planned."""
    if dataset in AWAITING:
        raise WorkflowError(AWAITING[dataset])
    return RESULTS / dataset / path


def of_buckets(stage):
    """Return a function that lists a stage's index files of a rule's dataset."""
    return lambda wildcards: [
        RESULTS / wildcards.dataset / stage / f"{bucket}.tsv"
        for bucket in PLANS[wildcards.dataset].buckets
    ]


def joined_texts(wildcards):
    """Return the tables of texts that are joined to the manifest of a rule's dataset."""
    return text_sources(wildcards.dataset, DATASETS[wildcards.dataset], RESULTS)


def joined_text_files(wildcards):
    """List these tables; what the workflow does not make itself must be there."""
    files = [source["file"] for source in joined_texts(wildcards)]
    for file in files:
        if not Path(file).is_relative_to(RESULTS) and not Path(file).exists():
            raise WorkflowError(
                f"datasets.{wildcards.dataset}.texts.from: {file}: no such file; expected a table "
                f"with the columns clip_id and text, or one of {', '.join(MADE)}"
            )
    return files


def targets_key(wildcards):
    """Return the key file of the targets of a rule's dataset; none where its clips have none."""
    plan = PLANS[wildcards.dataset]
    return planned(wildcards.dataset, "keys/targets.json") if plan.targets else []


def untargeted(dataset):
    """Return the manifest for what reads no targets: it stays the same when one changes."""
    without = "_without_targets" if PLANS[dataset].targets else ""
    return RESULTS / dataset / f"manifest{without}.parquet"


def untargeted_manifest(wildcards):
    """Return the manifest of a rule's dataset for what reads no targets."""
    return untargeted(wildcards.dataset)


def existing_text_fusion(wildcards):
    """Return the scores of `text_fusion` that a dataset has: the report shows them, up to date."""
    folder = RESULTS / wildcards.dataset / "evaluation/text_fusion" / PROTOCOL
    return [path for path in [folder / "text_fusion.json"] if path.exists()]


def of_folds(pattern):
    """Return a function that lists a file of every fold of a rule's dataset."""
    return lambda wildcards: [
        RESULTS / wildcards.dataset / pattern.format(split=split)
        for split in split_folders(wildcards.dataset)
    ]


def of_datasets(pattern, **values):
    """List a file of every dataset (and fold, and further values) that is enabled."""
    awaiting = [lambda wildcards, name=name: planned(name, "") for name in AWAITING]
    return awaiting + [
        path
        for dataset in DATASETS
        for path in expand(
            RESULTS / dataset / pattern,
            split=split_folders(dataset),
            bucket=PLANS[dataset].buckets,
            protocol=PROTOCOL,
            **values,
        )
    ]


@cache
def demo_corpus(dataset):
    """Return the recipe's clips of a dataset; none if it is not rendered."""
    options = DATASETS[dataset]
    if options["adapter"] != "demo":
        return []
    return demo_clips(
        subjects=options["subjects"],
        takes=options["takes"],
        classes=options["classes"],
    )


@cache
def demo_files_by(dataset, group_of):
    """Return the files that the recipe's clips are rendered to, in groups."""
    groups = defaultdict(list)
    for clip in demo_corpus(dataset):
        path = RESULTS / dataset / "demo_clips" / clip.relative_path
        groups[group_of(dataset, clip)].append(path)
    return groups


def demo_subject(dataset, clip):
    """Return the synthetic subject of a clip of the recipe."""
    return clip.subject


def demo_bucket(dataset, clip):
    """Return the bucket of a clip of the recipe."""
    return bucket_of(clip.clip_id, PLANS[dataset].bucket_count)


def demo_files(dataset):
    """Return all files that the recipe's clips of a dataset are rendered to."""
    groups = demo_files_by(dataset, demo_subject)
    return [path for paths in groups.values() for path in paths]


def demo_files_of_bucket(wildcards):
    """Return the rendered files that a bucket's job reads; none of a dataset of real videos."""
    return demo_files_by(wildcards.dataset, demo_bucket).get(wildcards.bucket, [])


def growing(amount):
    """Return a resource that grows with each attempt: what was too little is tried with more."""
    return lambda wildcards, attempt: attempt * amount


def code_commit():
    """Return the commit of the workflow's code, `+` behind it if files differ; None without git."""
    command = ["git", "-C", str(workflow.basedir), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


wildcard_constraints:
    dataset="[A-Za-z0-9][A-Za-z0-9_.-]*",
    bucket=r"\d+",
    split=r"[^/]+(/fold-[^/]+)?",
