"""The variants that `ablate` and `tune` compare, and where their predictions are stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewave.ablation.variants import candidates, variant_options, with_grid
from facewave.config.errors import ConfigError
from facewave.planning.plan import PlanError
from facewave.planning.project import Project, baseline_rule, coded, stage_options
from facewave.splits.partition import CROSS_DATASET, PARTS
from facewave.versions import FEATURE_VERSION

# Starting a job takes longer than training on so few clips.
_CLIPS_PER_JOB = 4_000


@dataclass(frozen=True)
class Ablation:
    """The variants of a configuration.

    Attributes:
        variants: by name, the sections `quality`, `features`, `wavelet` and `mlp`.
        controls: by name, the control that a variant is; only for variants that are controls.
        candidates: names of the variants to choose among by inner folds.
        seeds: of the training.
        configured: options of the stage `features` of the configuration itself.
    """

    variants: Mapping[str, Mapping[str, Any]]
    controls: Mapping[str, str]
    candidates: list[str]
    seeds: list[int]
    configured: Mapping[str, Any]

    def features(self, name: str) -> dict[str, Any]:
        """Return the options of the stage `features` of a variant."""
        sections = {key: value for key, value in self.variants[name].items() if key != "mlp"}
        sections["features"] = coded(sections["features"])
        return {**sections, "version": FEATURE_VERSION}

    def maker(self, name: str) -> str | None:
        """Return the variant whose features and splits a variant is trained on.

        It is the first one with the same features; None if these are the configuration's own.
        """
        wanted = self.features(name)
        if wanted == self.configured:
            return None
        return next(other for other in self.variants if self.features(other) == wanted)


def read_ablation(config: Mapping[str, Any]) -> Ablation:
    """Return the variants of a checked configuration, including those of its grid.

    Raises:
        PlanError: a variant's settings are invalid.
    """
    try:
        full = with_grid(config)
        named = full["ablation"]["variants"]
        variants = {name: variant_options(full, name) for name in named}
        _refuse_other_task(config, variants)
        return Ablation(
            variants=variants,
            controls={name: set_["control"] for name, set_ in named.items() if "control" in set_},
            candidates=candidates(full),
            seeds=full["ablation"]["seeds"] or full["seeds"],
            configured=stage_options(full)["features"],
        )
    except ConfigError as error:
        raise PlanError(f"a variant of the ablation: {error}") from None


def _refuse_other_task(
    config: Mapping[str, Any], variants: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse to compare scores with and without clips of the test person.

    Raises:
        ConfigError: naming the variants.
    """
    task = baseline_rule(config["features"], seed=0)
    problems = [
        f"ablation.variants.{name}.features: found another subject_baseline or enrolment than in "
        "`features`, which is another task; compare such variants in a run of their own, with "
        "presets/calibrated.yaml"
        for name, options in variants.items()
        if baseline_rule(options["features"], seed=0) != task
    ]
    if problems:
        raise ConfigError(problems)


def variant_predictions(
    project: Project,
    ablation: Ablation,
    dataset: str,
    *,
    names: Iterable[str] | None = None,
    inner: bool = False,
) -> dict[str, list[list[str]]]:
    """Return the prediction files of a dataset: per variant, one list per job, one file per seed.

    Args:
        project, ablation, dataset: whose predictions.
        names: of the variants; None means all.
        inner: whether to return those of the inner folds, which have a job per outer fold.
    """
    folder, place = project.results / dataset / "ablation", "/inner" if inner else ""
    jobs = project.split_folders(dataset) if inner else fold_batches(project, dataset)
    return {
        name: [
            [
                str(folder / name / f"{job}{place}" / f"seed-{seed}.parquet")
                for seed in ablation.seeds
            ]
            for job in jobs
        ]
        for name in names or ablation.variants
    }


def fold_batches(project: Project, dataset: str) -> dict[str, list[str]]:
    """Return the folders of the folds that a variant is trained on in one job, by the job's folder.

    Of a few hundred clips these are all folds, of thousands one.
    """
    return _batches(project.split_folders(dataset), clips=project.plans[dataset].clips)


def bucket_batches(project: Project, dataset: str) -> dict[str, list[str]]:
    """Return the buckets that are encoded for a variant in one job, by the name of their index."""
    plan = project.plans[dataset]
    return _batches(plan.buckets, clips=plan.clips // max(1, len(plan.buckets)))


def _batches(names: Sequence[str], *, clips: int) -> dict[str, list[str]]:
    """Divide what has so many clips each among jobs; a job is named by its first and last."""
    size = max(1, _CLIPS_PER_JOB // max(1, clips))
    batches = [list(names[start : start + size]) for start in range(0, len(names), size)]
    return {
        batch[0] if len(batch) == 1 else f"{batch[0]}_to_{Path(batch[-1]).name}": batch
        for batch in batches
    }


def flat(predictions: Mapping[str, list[list[str]]]) -> list[str]:
    """Return the files of nested lists of predictions as one list."""
    return [file for folds in predictions.values() for files in folds for file in files]


def variant_indexes(project: Project, dataset: str, variant: str) -> list[Path]:
    """Return the feature indexes of a variant, one per job."""
    folder = project.results / dataset / "ablation" / variant / "features"
    return [folder / f"{name}.tsv" for name in bucket_batches(project, dataset)]


def split_folder(project: Project, ablation: Ablation, dataset: str, variant: str) -> Path | None:
    """Return the folder of the splits of a variant whose features are not the configuration's.

    Variants with equal features share it.

    Raises:
        PlanError: features of its own, where clips of several datasets are divided.
    """
    maker = ablation.maker(variant)
    if maker is None:
        return None
    if project.protocol == CROSS_DATASET:
        raise PlanError(
            f"ablation.variants.{maker}: split.protocol {CROSS_DATASET} compares variants of `mlp` "
            "alone; leave out what it sets of quality, features and wavelet, or choose another "
            "protocol"
        )
    return project.results / dataset / "ablation" / maker


def variant_splits(
    project: Project, ablation: Ablation, dataset: str, *, variant: str, folds: Iterable[str]
) -> list[dict[str, str]]:
    """Return the files of the parts that a variant is trained on, by name, for each of some folds.

    Raises:
        PlanError: see `split_folder`.
    """
    own = split_folder(project, ablation, dataset, variant)
    jobs = {fold: job for job, batch in fold_batches(project, dataset).items() for fold in batch}
    folders = [
        own / jobs[fold] / "splits" / Path(fold).name
        if own
        else project.results / dataset / "splits" / fold
        for fold in folds
    ]
    return [{part: str(folder / f"{part}.parquet") for part in PARTS} for folder in folders]


def written_splits(
    project: Project, ablation: Ablation, dataset: str, *, variant: str, folds: Iterable[str]
) -> list[str]:
    """Return the outputs of rules that hold `variant_splits`: files, or folders of several folds.

    Raises:
        PlanError: see `split_folder`.
    """
    files = variant_splits(project, ablation, dataset, variant=variant, folds=folds)
    if split_folder(project, ablation, dataset, variant) is None:
        return [file for parts in files for file in parts.values()]
    return sorted({str(Path(file).parents[1]) for parts in files for file in parts.values()})
