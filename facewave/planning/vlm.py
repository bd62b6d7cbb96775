"""The vision-language models: what is trained or answers zero-shot, and where its files are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from facewave.config.check import check_config
from facewave.config.schema import load_yaml
from facewave.evaluation.names import LINEAR, MLP
from facewave.planning.plan import PlanError
from facewave.planning.project import Project, coded
from facewave.splits.partition import PARTS
from facewave.vlm.plan import (
    STAGES,
    TOYS,
    TargetsError,
    chosen_targets,
    evaluation_folder,
    model_params,
    shown_fine_tuned,
    shown_models,
    shown_zero_shot,
    untrained,
    untrained_params,
    zero_shot_params,
)

Section = Mapping[str, Any]


def vlm_sections(config: Mapping[str, Any], *, toy_preset: Path) -> dict[str, Section]:
    """Return one section `vlm` per trained model: the configured one, and the toy of `demo_vlm`.

    Args:
        config: the checked configuration.
        toy_preset: presets/vlm_tiny.yaml.
    """
    toy = {**config, "vlm": config["vlm"] | load_yaml(toy_preset)["vlm"]}
    return {"paligemma": config["vlm"], "paligemma_tiny": check_config(toy)["vlm"]}


def training_options(
    section: Section, project: Project, dataset: str, *, control: str, stage: str
) -> dict[str, Any]:
    """Return what determines a training; see `facewave.vlm.plan.model_params`.

    Raises:
        PlanError: the dataset lacks the targets of a regression.
    """
    try:
        targets = chosen_targets(section, project.plans[dataset].targets, dataset=dataset)
    except TargetsError as error:
        raise PlanError(str(error)) from None
    return model_params(section, control=control, stage=stage, targets=targets)


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
            "zero_shot_paligemma: a model cannot predict numbers before it is trained; choose "
            "another vlm.head, or run train_paligemma"
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
        raise PlanError("ablate_paligemma compares classes; choose another vlm.head")
    return {
        control: [
            [str(path)]
            for path in project.of_folds(
                dataset, f"vlm/{vlm}/{control}/fine_tuning/{{split}}/predictions.parquet"
            )
        ]
        for control in ("full", *section["ablations"])
    }


def models_in_report(config: Mapping[str, Any], project: Project, dataset: str) -> dict[str, str]:
    """Return the models that a report shows beside the MLP, from title to file of scores."""
    section, folder = config["vlm"], project.results / dataset / "evaluation"
    trained = {
        title: str(score_file(section, project, dataset, vlm="paligemma", stage=stage))
        for title, stage in shown_models(section).items()
    }
    places = {**shown_zero_shot(config["zero_shot"]), **shown_fine_tuned(config)}
    others = {
        title: str(folder / place / project.protocol / "metrics.json")
        for title, place in places.items()
    }
    return {**trained, **others}


def value_models_in_report(
    config: Mapping[str, Any], project: Project, dataset: str
) -> dict[str, str]:
    """Return the same beside an MLP that predicts values: the models that do so as well."""
    section = config["vlm"]
    if section["head"] != "regression":
        return {}
    return {
        title: str(score_file(section, project, dataset, vlm="paligemma", stage=stage))
        for title, stage in shown_models(section).items()
    }


def compared_models(
    config: Mapping[str, Any], project: Project, dataset: str
) -> dict[str, list[list[str]]]:
    """Return the predictions of the MLP and of what a report shows beside it.

    Only models that predict classes can be compared.

    Returns:
        title to one list per fold, of one file per seed
    """
    section = config["vlm"]
    places = {
        title: f"{'' if stage == 'zero_shot' else 'vlm/'}{evaluation_folder('paligemma', stage)}"
        for title, stage in shown_models(section).items()
        if section["head"] != "regression" or stage == "zero_shot"
    }
    places |= {**shown_zero_shot(config["zero_shot"]), **shown_fine_tuned(config)}
    files = {LINEAR: "mlp/{split}/linear.parquet"} | {
        title: f"{place}/{{split}}/predictions.parquet" for title, place in places.items()
    }
    return {MLP: project.of_seeds(dataset, "mlp/{split}")} | {
        title: [[str(path)] for path in project.of_folds(dataset, pattern)]
        for title, pattern in files.items()
    }


def ablation_in_report(config: Mapping[str, Any], project: Project, dataset: str) -> list[Path]:
    """Return the scores of PaliGemma's ablation if a report shows them."""
    if "ablation" not in config["vlm"]["report"]:
        return []
    folder = project.results / dataset / "evaluation/paligemma/ablation"
    return [folder / project.protocol / "ablation.json"]


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
