"""The vision-language models: what is trained or answers zero-shot, and where its files are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facewave.config.check import check_config
from facewave.config.schema import load_yaml
from facewave.evaluation.names import LINEAR, MLP, SAME_CLIPS
from facewave.planning.plan import PlanError
from facewave.planning.project import Project, coded
from facewave.splits.partition import PARTS
from facewave.vlm.plan import (
    FAMILIES,
    STAGES,
    TOYS,
    TargetsError,
    chosen_targets,
    deciding,
    evaluation_folder,
    model_name,
    model_params,
    shown_models,
    shown_zero_shot,
    speed_of,
    untrained,
    untrained_params,
    vlm_section,
    zero_shot_params,
)

Section = Mapping[str, Any]


def vlm_sections(config: Mapping[str, Any], *, toy_preset: Path) -> dict[str, Section]:
    """Return the options of each trained model: the configured ones, and the toys of `demo_vlm`.

    Args:
        config: the checked configuration.
        toy_preset: presets/vlm_tiny.yaml.
    """
    toy = check_config({**config, "vlm": config["vlm"] | load_yaml(toy_preset)["vlm"]})
    return {family: vlm_section(config, family) for family in FAMILIES} | {
        f"{family}_tiny": vlm_section(toy, family) for family in FAMILIES
    }


def training_options(
    section: Section, project: Project, dataset: str, *, control: str, stage: str
) -> dict[str, Any]:
    """Return what determines a training; see `facewave.vlm.plan.deciding`.

    Raises:
        PlanError: the dataset lacks the targets of a regression.
    """
    try:
        targets = chosen_targets(section, project.plans[dataset].targets, dataset=dataset)
    except TargetsError as error:
        raise PlanError(str(error)) from None
    return deciding(model_params(section, control=control, stage=stage, targets=targets))


def training_speed(section: Section) -> dict[str, Any]:
    """Return what only decides how fast trainings run, whatever their stage and control."""
    return speed_of(model_params(section, control="full", stage=STAGES[0]))


def training_files(
    section: Section,
    project: Project,
    dataset: str,
    *,
    vlm: str,
    control: str,
    stage: str,
    split: str,
) -> dict[str, Any]:
    """Return the inputs of a training that depend on its control and stage.

    Returns:
        `train`, `val` and `test`, `start` (the weights of the previous stage; empty for the
        first) and `targets` (empty except for a regression).

    Raises:
        PlanError: the dataset lacks the targets of a regression.
    """
    folder = project.results / dataset
    # Otherwise the error would be a missing file, which says nothing about the configuration.
    targets = training_options(section, project, dataset, control=control, stage=stage)[
        "model"
    ].get("targets")
    splits = folder / "vlm/shuffled_time" if control == "shuffled_time" else folder
    before = folder / "vlm" / vlm / control / STAGES[0] / split / "weights.safetensors"
    return {
        **{part: splits / "splits" / split / f"{part}.parquet" for part in PARTS},
        "start": before if stage != STAGES[0] else [],
        "targets": folder / "targets.parquet" if targets else [],
    }


def gpus(section: Section, model: Section) -> int:
    """Return the number of GPUs of a job; a toy needs none."""
    return 0 if model["model"] in TOYS else int(section["gpus"])


def zero_shot_options(
    config: Mapping[str, Any], sections: Mapping[str, Section], model: str
) -> dict[str, Any]:
    """Return what determines a zero-shot model's answers: one of `zero_shot`, or `vlm` untrained.

    Raises:
        PlanError: an untrained model cannot predict numbers.
    """
    section = _untrained(sections, model)
    if section is None:
        return zero_shot_params(config["zero_shot"], model)
    if section["head"] == "regression":
        raise PlanError(
            f"zero_shot_{section['family']}: a model cannot predict numbers before it is trained; "
            f"choose another vlm.head, or run train_{section['family']}"
        )
    return untrained_params(section, max_new_tokens=config["zero_shot"]["max_new_tokens"])


def zero_shot_resources(
    config: Mapping[str, Any], sections: Mapping[str, Section], model: str
) -> tuple[int, int]:
    """Return the GPUs (at most one) and CPU threads of a zero-shot model's job."""
    section = _untrained(sections, model)
    if section is not None:
        return min(1, gpus(section, section)), section["threads"]
    zero_shot = config["zero_shot"]
    return gpus(zero_shot, zero_shot["models"][model]), zero_shot["threads"]


def _untrained(sections: Mapping[str, Section], model: str) -> Section | None:
    return {untrained(vlm): section for vlm, section in sections.items()}.get(model)


def score_file(section: Section, project: Project, dataset: str, *, vlm: str, stage: str) -> Path:
    """Return the file with the scores of one stage of a trained model."""
    values = section["head"] == "regression" and stage != "zero_shot"
    folder = project.results / dataset / "evaluation" / evaluation_folder(vlm, stage)
    return folder / project.protocol / f"{'regression' if values else 'metrics'}.json"


def scored_stages(section: Section, *, values: bool = False) -> list[str]:
    """Return the stages that have scores; only probabilities can be fused with the MLP's.

    Args:
        section: `vlm`, checked.
        values: whether the MLP predicts values, which cannot be fused.
    """
    fused = section["head"] in ("verbaliser", "linear") and not values
    return [*STAGES, *(["fusion"] if fused else [])]


def control_predictions(
    section: Section, project: Project, dataset: str, *, vlm: str
) -> dict[str, list[list[str]]]:
    """Return the prediction files of a model's ablation: per control, one list per fold.

    Raises:
        PlanError: the model predicts numbers.
    """
    if section["head"] == "regression":
        raise PlanError(f"ablate_{vlm} compares classes; choose another vlm.head")
    return {
        control: [
            [str(path)]
            for path in project.of_folds(
                dataset, f"vlm/{vlm}/{control}/fine_tuning/{{split}}/predictions.parquet"
            )
        ]
        for control in ("full", *section["ablations"])
    }


def report_sections(config: Mapping[str, Any]) -> dict[str, Section]:
    """Return the options of the trained models by the folder of their results."""
    return {family: vlm_section(config, family) for family in FAMILIES}


def toy_sections(sections: Mapping[str, Section]) -> dict[str, Section]:
    """Return the same of the toys of `demo_vlm`, of which a page shows every stage.

    Args:
        sections: of `vlm_sections`.
    """
    return {
        f"{family}_tiny": {
            **sections[f"{family}_tiny"],
            "report": ["zero_shot", *scored_stages(sections[f"{family}_tiny"])],
        }
        for family in FAMILIES
    }


def shown_files(
    config: Mapping[str, Any],
    project: Project,
    dataset: str,
    *,
    sections: Mapping[str, Section] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return the files of the models that a report shows beside the MLP, by title.

    Args:
        config: the checked configuration.
        project: the enabled datasets.
        dataset: a name of them.
        sections: the trained models; None: those of `report_sections`, and the others that the
            configuration shows.

    Returns:
        title to `scores` (a file), `answers` (one per fold), `metrics` and `movement` (one per
        fold, of a training; else empty) and `family` and `stage` where they are known
    """
    given = report_sections(config) if sections is None else sections
    found = {}
    for name, section in given.items():
        for title, stage in shown_models(section).items():
            place = evaluation_folder(name, stage)
            folder = place if stage == "zero_shot" else f"vlm/{place}"
            found[title] = {
                "scores": str(score_file(section, project, dataset, vlm=name, stage=stage)),
                **_fold_files(project, dataset, folder, trained=stage in STAGES),
                "family": name,
                "stage": stage,
            }
    if any(shows_trained_classes(section) for section in given.values()):
        found[SAME_CLIPS] = {
            "scores": _metrics(project, dataset, "mlp_same_clips"),
            **_fold_files(project, dataset, "vlm/mlp", trained=False),
        }
    if sections is None:
        for title, place in shown_zero_shot(config["zero_shot"]).items():
            found[title] = {
                "scores": _metrics(project, dataset, place),
                **_fold_files(project, dataset, place, trained=False),
                "stage": "zero_shot",
            }
    return found


def shows_trained_classes(section: Section) -> bool:
    """Tell whether a report shows a model of `vlm` after its last stage, and it knows classes."""
    return section["head"] != "regression" and bool(
        {"fine_tuning", "fusion"} & {*section["report"]}
    )


def _metrics(project: Project, dataset: str, place: str) -> str:
    folder = project.results / dataset / "evaluation" / place
    return str(folder / project.protocol / "metrics.json")


def _fold_files(project: Project, dataset: str, folder: str, *, trained: bool) -> dict[str, Any]:
    def of_folds(name: str) -> list[str]:
        return [str(path) for path in project.of_folds(dataset, f"{folder}/{{split}}/{name}")]

    return {
        "answers": of_folds("predictions.parquet"),
        "metrics": of_folds("metrics.csv") if trained else [],
        "movement": of_folds("movement.csv") if trained else [],
    }


def value_models_in_report(
    config: Mapping[str, Any], project: Project, dataset: str
) -> dict[str, str]:
    """Return title to scores beside an MLP that predicts values: the models that do so as well."""
    if config["vlm"]["head"] != "regression":
        return {}
    return {
        title: str(score_file(section, project, dataset, vlm=family, stage=stage))
        for family, section in report_sections(config).items()
        for title, stage in shown_models(section).items()
    }


def compared_models(
    config: Mapping[str, Any],
    project: Project,
    dataset: str,
    *,
    sections: Mapping[str, Section] | None = None,
) -> dict[str, list[list[str]]]:
    """Return the predictions of the MLP and of what a report shows beside it.

    Only models that predict classes can be compared.

    Args:
        config, project, dataset, sections: as for `shown_files`.

    Returns:
        title to one list per fold, of one file per seed
    """
    linear = {"answers": [str(p) for p in project.of_folds(dataset, "mlp/{split}/linear.parquet")]}
    shown = shown_files(config, project, dataset, sections=sections)
    files = {LINEAR: linear} | {
        title: files
        for title, files in shown.items()
        if not files["scores"].endswith("regression.json")
    }
    return {MLP: project.of_seeds(dataset, "mlp/{split}")} | {
        title: [[path] for path in given["answers"]] for title, given in files.items()
    }


def files_of(shown: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return all files of `shown_files`, as inputs of the job that shows them."""
    return [
        path
        for files in shown.values()
        for path in (files["scores"], *files["answers"], *files["metrics"], *files["movement"])
    ]


def ablations_in_report(
    config: Mapping[str, Any], project: Project, dataset: str
) -> dict[str, str]:
    """Return the scores of the ablations that a report shows, by the model's name."""
    folder = project.results / dataset / "evaluation"
    return {
        model_name(section): str(folder / family / "ablation" / project.protocol / "ablation.json")
        for family, section in report_sections(config).items()
        if "ablation" in section["report"]
    }


def shuffled_features(config: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of the stage `features` with the frames of each clip in random order."""
    return {**features, "features": {**coded(config["features"]), "shuffle_time": True}}


def annotated_dataset(config: Mapping[str, Any]) -> str:
    """Return the dataset whose clips are described.

    Raises:
        PlanError: no dataset is named.
    """
    name = config["annotate"]["dataset"]
    if name is None:
        raise PlanError(
            "annotate.dataset: found null, expected the name of the dataset whose clips are to be "
            "described, such as dfew; annotate.examples names the one with captions, such as mafw"
        )
    return str(name)


def annotation_examples(config: Mapping[str, Any], project: Project) -> dict[str, Any]:
    """Return the files of the dataset that examples are drawn from; empty without examples."""
    name = config["annotate"]["examples"]
    if name is None:
        return {}
    return {
        "example_manifest": project.results / name / "manifest.parquet",
        "example_tracks": project.of_buckets(name, "tracks"),
        "near_duplicates": project.results / "near_duplicates.tsv",
    }


def stage_scores(
    sections: Mapping[str, Section], project: Project, vlm: str, stages: Iterable[str]
) -> list[Path]:
    """Return the score files of some stages of a model, on every enabled dataset."""
    return [
        score_file(sections[vlm], project, dataset, vlm=vlm, stage=stage)
        for dataset in project.enabled
        for stage in stages
    ]
