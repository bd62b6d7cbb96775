"""What the rules need while the Snakefile is read: the enabled datasets, their plans and files.

`open_project` turns the configuration into a `Project` once; the rule files get lists of paths
and the options of the stages from it, and pass nothing else on. It knows nothing about Snakemake,
so all of it can be tested without a graph.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from facewave.config.check import dataset_config
from facewave.datasets.load import load_clips
from facewave.demo.recipe import DemoClip, demo_clips
from facewave.manifest.clips import LABELS_WANTED, NotThereYetError
from facewave.planning.cross_datasets import cross_folds
from facewave.planning.downloads import download_marker, plan_download, wanting_download
from facewave.planning.plan import NO_PLAN, DatasetPlan, PlanError, plan_dataset, read_plan
from facewave.planning.predicted import PREDICTED, predicted_videos
from facewave.planning.running import key_digest
from facewave.planning.scenes import plan_scenes, planned_videos, wanting_scenes
from facewave.planning.tidy import tidy
from facewave.splits.partition import CROSS_DATASET, fold_names
from facewave.storage.buckets import bucket_of
from facewave.tracking.track_video import software
from facewave.versions import FEATURE_VERSION, SCENE_VERSION, TRACK_VERSION
from facewave.video.isolated import Bounds

# Keys of the section `features` that no clip is coded by: they are applied when splits are built.
_BASELINE_KEYS = ("subject_baseline", "enrolment", "baseline_person")
_LANDMARKER_OPTIONS = (
    "max_faces",
    "min_detection_confidence",
    "min_presence_confidence",
    "min_tracking_confidence",
    "max_fps",
    "max_side",
)


# Files of a dataset that do not depend on how its clips are split.
_BEFORE_SPLITS = (
    "manifest",
    "tracks",
    "features",
    "quality",
    "face_crops",
    "frames",
    "transcripts",
)


@dataclass(frozen=True)
class Project:
    """The enabled datasets in their current state, and where their files are.

    Attributes:
        config: the checked configuration.
        datasets: options of the enabled datasets, see `facewave.config.check.dataset_config`, and
            of the videos of `predict`, as the dataset `predict/{name}`.
        plans: their plans; `NO_PLAN` for those of `unplanned`.
        folds: names of each dataset's folds; none where the protocol has a single split.
        unplanned: datasets that cannot be planned yet, and what must be done first.
        downloads: markers of the downloads that each dataset's clips need.
        scenes: videos whose scenes are detected, of each dataset that wants it or member of one, to
            the digests of their key files.
        marker: of a command that runs no job, a file that has just been made.
    """

    config: Mapping[str, Any]
    datasets: Mapping[str, Mapping[str, Any]]
    plans: Mapping[str, DatasetPlan]
    folds: Mapping[str, Sequence[str]]
    unplanned: Mapping[str, str]
    downloads: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    scenes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    marker: Any = None

    @property
    def enabled(self) -> list[str]:
        """The datasets of `enabled`: all but the videos of `predict`."""
        return [name for name in self.plans if not name.startswith(PREDICTED)]

    @property
    def results(self) -> Path:
        """Folder that everything is written to."""
        return Path(self.config["results"])

    @property
    def protocol(self) -> str:
        """The protocol that decides the training, validation and test parts."""
        return str(self.config["split"]["protocol"])

    @property
    def tested(self) -> list[str]:
        """The datasets that have a test part: all but those that are only trained on."""
        names = self.enabled
        if self.protocol != CROSS_DATASET:
            return names
        wanted, trained = self.config["split"]["test"], self.config["split"]["train"] or []
        return [name for name in names if (name in wanted if wanted else name not in trained)]

    @property
    def unlabelled(self) -> bool:
        """Whether any clip has no label."""
        return any(self.plans[name].unlabelled for name in self.enabled)

    def digest_of(self, name: str) -> Callable[[Any], str]:
        """Return a function of a job's wildcards that returns the digest of its key file.

        Args:
            name: of the key file below `keys`, such as `tracks/{bucket}`.
        """

        def digest(wildcards: Any) -> str:
            values = dict(wildcards.items())
            return self.plans[values["dataset"]].keys.get(name.format(**values), "")

        return digest

    def file(self, dataset: str, path: str) -> Path:
        """Return a path in a dataset's results folder.

        Raises:
            PlanError: the dataset cannot be planned yet.
        """
        if dataset in self.unplanned:
            raise PlanError(self.unplanned[dataset])
        found = self.results / dataset / path
        if self.marker is not None and path.startswith("keys/"):
            # A key file that a dry run leaves as it is stands for what it ought to be: newer than
            # what was made of it, in case Snakemake's records of the jobs' params are lost.
            wanted = self.plans[dataset].keys.get(path.removeprefix("keys/").rpartition(".")[0])
            if wanted and wanted != key_digest(found):
                return Path(self.marker.name)
        return found

    def split_folders(self, dataset: str) -> list[str]:
        """Return the folders, below `splits` and `mlp`, of a dataset's folds."""
        return [f"{self.protocol}/{fold}" for fold in self.folds[dataset]] or [self.protocol]

    def fold_names(self, dataset: str) -> list[str]:
        """Return the names under which a dataset's folds are reported."""
        return list(self.folds[dataset]) or [self.protocol]

    def of_buckets(self, dataset: str, stage: str) -> list[Path]:
        """Return a stage's index files of a dataset, one per bucket."""
        folder = self.results / dataset / stage
        return [folder / f"{bucket}.tsv" for bucket in self.plans[dataset].buckets]

    def of_folds(self, dataset: str, pattern: str) -> list[Path]:
        """Return one file per fold of a dataset; `{split}` in the pattern is the fold's folder."""
        folders = self.split_folders(dataset)
        return [self.results / dataset / pattern.format(split=folder) for folder in folders]

    def of_seeds(self, dataset: str, folder: str) -> list[list[str]]:
        """Return the MLP's predictions files: one list per fold of a dataset, one file per seed.

        Args:
            dataset: its name.
            folder: that holds them; `{split}` in it is the fold's folder.
        """
        names = seed_files(self.config["seeds"])
        return [[str(path / name) for name in names] for path in self.of_folds(dataset, folder)]

    def of_datasets(self, pattern: str, **values: Iterable[str]) -> list[Path]:
        """Return the files of all datasets that match a pattern.

        Args:
            pattern: below a dataset's folder, with `{split}`, `{bucket}`, `{protocol}` and the
                names of `values`; every combination of their values gives a file.
            values: further wildcards and their possible values.

        Raises:
            PlanError: a dataset cannot be planned yet, or splits are wanted of clips that have no
                labels.
        """
        found = []
        before_splits = pattern.startswith(_BEFORE_SPLITS)
        for dataset in self.enabled if before_splits else self.tested:
            plan = self.plans[dataset]
            if plan.unlabelled and not before_splits:
                raise PlanError(
                    f"dataset {dataset}: clips without a label ({plan.unlabelled:,}) cannot be "
                    f"trained or tested on: {LABELS_WANTED}"
                )
            choices = {
                "split": self.split_folders(dataset),
                "bucket": plan.buckets,
                "protocol": [self.protocol],
                **values,
            }
            named = {name: list(all_) for name, all_ in choices.items() if f"{{{name}}}" in pattern}
            for combination in product(*named.values()):
                path = pattern.format(**dict(zip(named, combination, strict=True)))
                found.append(self.file(dataset, path))
        return found

    def target_tables(self) -> list[Path]:
        """Return the tables of targets of those datasets whose clips have any."""
        return [
            self.results / name / "targets.parquet"
            for name in self.enabled
            if self.plans[name].targets
        ]

    def roots(self, dataset: str) -> dict[str, str]:
        """Return where the files are that a dataset's splits name, see `facewave.storage.roots`.

        Other datasets that it is tested or trained with stand in them by their names.
        """
        found = dict(self.plans[dataset].roots)
        if self.protocol == CROSS_DATASET:
            for name in self.enabled:
                roots = self.plans[name].roots.items()
                found |= {f"{name}/{inner}": prefix for inner, prefix in roots}
        return found

    def existing(self, dataset: str, *paths: str) -> list[Path]:
        """Return those of a dataset's files that exist: a report shows them, up to date."""
        files = [self.results / dataset / path for path in paths]
        return [file for file in files if file.exists()]

    def as_found(self, dataset: str, path: str) -> dict[str, Any] | None:
        """Return a dataset's file as a parameter of a job that shows it as it is; None: not there.

        Returns:
            `path`, and `changed` (ns), so that the job runs again when the file is another one
        """
        file = self.results / dataset / path
        if not file.exists():
            return None
        return {"path": str(file), "changed": file.stat().st_mtime_ns}

    def demo_files(self, dataset: str, *, bucket: str | None = None) -> list[Path]:
        """Return the files that a recipe's clips are rendered to; a real dataset has none.

        Args:
            dataset: its name.
            bucket: only the clips of this bucket.
        """
        count = self.plans[dataset].bucket_count
        return [
            self.results / dataset / "demo_clips" / clip.relative_path
            for clip in recipe_clips(self.datasets[dataset])
            if bucket is None or bucket_of(clip.clip_id, count) == bucket
        ]


def open_project(config: Mapping[str, Any], *, write: bool, looks: bool = False) -> Project:
    """Plan the enabled datasets.

    Args:
        config: checked, see `facewave.config.check.check_config`.
        write: whether to read the label files and bring the key files up to date, as the main
            process does; otherwise the existing plans are read, as in a job's own process.
        looks: whether the command runs no job, as for `KeyFiles`.

    Raises:
        ManifestError: what an adapter says about bad rows.
        RunningError: a running workflow reads key files that would change.
    """
    # `check_dataset` looks at a folder of its own; the enabled datasets may be broken.
    names = [] if config["root"] else config["enabled"]
    datasets = {name: dataset_config(config, name) for name in names}
    if not config["root"]:
        datasets |= predicted_videos(config)
    plans: dict[str, DatasetPlan] = {}
    unplanned: dict[str, str] = {}
    downloads: dict[str, list[Path]] = {}
    scenes: dict[str, dict[str, str]] = {}
    if write and not looks:
        tidy(Path(config["results"]) / "models")
    for name, options in datasets.items():
        folder = Path(config["results"]) / name
        if write and not looks:
            tidy(folder)
        downloads[name] = [
            download_marker(config, part)
            for part, given in wanting_download(name, options, seed=config["seed"])
            if plan_download(part, given, download_marker(config, part), write=write, looks=looks)
        ]
        try:
            for wanting, wanted in wanting_scenes(name, options):
                scenes[wanting] = planned_videos(wanted)
                if write:
                    scenes[wanting] = _plan_scenes(wanting, wanted, config, looks=looks)
            if write:
                plans[name] = _plan(name, options, config, looks=looks)
            else:
                plans[name] = read_plan(folder)
        except NotThereYetError as error:
            plans[name], unplanned[name] = NO_PLAN, str(error)
    folds = {
        name: cross_folds(config, name)
        if config["split"]["protocol"] == CROSS_DATASET
        else fold_names(
            config["split"]["protocol"],
            plan.subjects,
            official=plan.folds,
            folds=config["split"]["folds"],
        )
        for name, plan in plans.items()
        if not name.startswith(PREDICTED)
    }
    # Open until the process ends, which removes it.
    marker = NamedTemporaryFile(prefix="facewave-changed-") if looks else None  # noqa: SIM115
    return Project(config, datasets, plans, folds, unplanned, downloads, scenes, marker)


def _plan_scenes(
    name: str, options: Mapping[str, Any], config: Mapping[str, Any], *, looks: bool
) -> dict[str, str]:
    return plan_scenes(
        name,
        options,
        scenes={**config["scenes"], "version": SCENE_VERSION},
        seed=config["seed"],
        demo_root=Path(config["results"]) / name / "demo_clips",
        looks=looks,
        bounds=Bounds(**config["video"]),
    )


def _plan(
    name: str, options: Mapping[str, Any], config: Mapping[str, Any], *, looks: bool
) -> DatasetPlan:
    results, seed = Path(config["results"]), config["seed"]
    clips = load_clips(
        name,
        options,
        classes=options["classes"],
        seed=seed,
        demo_root=results / name / "demo_clips",
        cache=results / name / "keys",
        bounds=Bounds(**config["video"]),
    )
    return plan_dataset(
        clips,
        folder=results / name,
        buckets=config["buckets"],
        stage_options=stage_options(config),
        link_roots=_link_roots(options),
        looks=looks,
        bounds=Bounds(**config["video"]),
    )


def _link_roots(options: Mapping[str, Any]) -> list[Path]:
    """Return the folders that links of frames may lead into; none if they may lead anywhere."""
    parts = list(options["members"].values()) if "members" in options else [options]
    if any(part.get("follow_links") for part in parts):
        return []
    return [Path(part["root"]) for part in parts if "root" in part]


def stage_options(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what decides the shards of the stages `tracks` and `features`.

    They are part of the keys and key files; a change of anything else recomputes no clip.
    """
    section = config["landmarker"]
    # Options that are not set are left out of the keys, so that older results stay valid.
    chosen = {name: section[name] for name in _LANDMARKER_OPTIONS if section[name] is not None}
    return {
        "tracks": {
            "landmarker": chosen,
            "default_fps": section["default_fps"],
            "model_sha256": section["sha256"],
            "version": TRACK_VERSION,
            "software": software(),
        },
        "features": {
            "wavelet": config["wavelet"],
            "features": coded(config["features"]),
            "quality": config["quality"],
            "version": FEATURE_VERSION,
        },
    }


def coded(features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of the section `features` that decide how a clip is coded."""
    return {name: value for name, value in features.items() if name not in _BASELINE_KEYS}


def baseline_rule(features: Mapping[str, Any], *, seed: int) -> dict[str, Any] | None:
    """Return the options of the person's baseline; None where there is none.

    Args:
        features: the section `features`.
        seed: of the drawing of clips.
    """
    if features["subject_baseline"] == "none":
        return None
    return {**{name: features[name] for name in _BASELINE_KEYS}, "seed": seed}


def seed_files(seeds: Sequence[int]) -> list[str]:
    """Return the names of a fold's predictions files, one per seed.

    The first seed's model is the one that is kept, explained and fused with others.
    """
    return ["predictions.parquet", *(f"seed-{seed}.parquet" for seed in seeds[1:])]


def landmarker_model(config: Mapping[str, Any]) -> Path:
    """Return the path of the landmarker bundle, named by its hash: one file per model."""
    name = f"face_landmarker-{config['landmarker']['sha256'][:12]}.task"
    return Path(config["results"]) / "models" / name


def recipe_clips(options: Mapping[str, Any]) -> list[DemoClip]:
    """Return the clips of a dataset that the workflow renders itself; a real dataset has none."""
    if options["adapter"] != "demo":
        return []
    return demo_clips(
        subjects=options["subjects"], takes=options["takes"], classes=options["classes"]
    )


def rendered_patterns(options: Mapping[str, Any]) -> list[str]:
    """Return the paths, below `demo_clips`, of a recipe's clips of any `{subject}`."""
    clips = recipe_clips(options)
    return [
        clip.relative_path.replace(clip.subject, "{subject}", 1)
        for clip in clips
        if clip.subject == clips[0].subject
    ]


def code_commit(folder: Path) -> str | None:
    """Return the commit of the code in a folder, with `+` if files changed; None without git."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
