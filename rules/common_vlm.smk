# The vision-language models: what is trained, from what, and where its files lie.
from facewave.config.schema import load_yaml
from facewave.versions import VLM_VERSION
from facewave.vlm.plan import CONTROLS, STAGES, evaluation_folder, model_params, shown_models
from facewave.vlm.names import TINY
from facewave.vlm.fine_tuning.targets import TargetsError, chosen_targets

VLM = DATASET / "vlm"
# A folder a model: the configured one, and the toy of `demo_vlm`.
VLM_SECTIONS = {
    "paligemma": CONFIG["vlm"],
    "paligemma_tiny": check_config(
        {
            **CONFIG,
            "vlm": CONFIG["vlm"]
            | load_yaml(Path(workflow.basedir) / "presets/vlm_tiny.yaml")["vlm"],
        }
    )["vlm"],
}


def vlm_split(part):
    """Return a function that names a part of the splits that a rule's control is trained on."""

    def path(wildcards):
        folder = RESULTS / wildcards.dataset
        if wildcards.control == "shuffled_time":
            folder = folder / "vlm/shuffled_time"
        return folder / "splits" / wildcards.split / f"{part}.parquet"

    return path


def vlm_start(wildcards):
    """Return the weights that a stage starts from: those of the stage before it."""
    if wildcards.stage != "fine_tuning":
        return []
    return (
        RESULTS
        / wildcards.dataset
        / "vlm"
        / wildcards.vlm
        / wildcards.control
        / "adaptation"
        / wildcards.split
        / "weights.safetensors"
    )


def vlm_options(wildcards):
    """Return what decides a rule's training."""
    section = VLM_SECTIONS[wildcards.vlm]
    name = wildcards.dataset
    try:
        targets = chosen_targets(section, PLANS[name].targets, dataset=name)
    except TargetsError as error:
        raise WorkflowError(str(error)) from None
    return model_params(
        section, control=wildcards.control, stage=wildcards.stage, targets=targets
    )


def vlm_targets(wildcards):
    """Return the table of targets that a training reads; none where it predicts classes."""
    if not vlm_options(wildcards)["model"].get("targets"):
        return []
    return RESULTS / wildcards.dataset / "targets.parquet"


def vlm_gpus(wildcards):
    """Return the GPUs of a job; the toy needs none."""
    section = VLM_SECTIONS[wildcards.vlm]
    return 0 if section["model"] == TINY else section["gpus"]


def vlm_threads(wildcards):
    """Return the CPU threads of a job."""
    return VLM_SECTIONS[wildcards.vlm]["threads"]


def vlm_scores(dataset, vlm, stage):
    """Return the file of the scores of a stage of a model."""
    numbers = VLM_SECTIONS[vlm]["head"] == "regression" and stage != "zero_shot"
    name = f"{'regression' if numbers else 'metrics'}.json"
    folder = RESULTS / dataset / "evaluation" / evaluation_folder(vlm, stage)
    return folder / PROTOCOL / name


def vlm_evaluations(vlm, stages, *, datasets=None):
    """List the scores of some stages of a model on every dataset."""
    return [
        vlm_scores(dataset, vlm, stage)
        for dataset in (DATASETS if datasets is None else datasets)
        for stage in stages
    ]


def vlm_ablation_answers(wildcards):
    """Return the prediction files of a model's ablation: by control, a list a fold of one file."""
    section = VLM_SECTIONS[wildcards.vlm]
    if section["head"] == "regression":
        raise WorkflowError("ablate_paligemma compares classes, not numbers")
    return {
        control: [
            [
                str(
                    RESULTS
                    / wildcards.dataset
                    / f"vlm/{wildcards.vlm}/{control}/fine_tuning"
                    / split
                    / "predictions.parquet"
                )
            ]
            for split in split_folders(wildcards.dataset)
        ]
        for control in ("full", *section["ablations"])
    }


def vlm_in_report(dataset):
    """Return what the report of a dataset shows of the models: titles to files of scores."""
    return {
        title: str(vlm_scores(dataset, "paligemma", stage))
        for title, stage in shown_models(CONFIG["vlm"]).items()
    }


def vlm_ablation_in_report(dataset):
    """Return the ablation's scores that the report of a dataset shows, if any."""
    if "ablation" not in CONFIG["vlm"]["report"]:
        return []
    return [
        RESULTS / dataset / "evaluation/paligemma/ablation" / PROTOCOL / "ablation.json"
    ]


# Probabilities can be fused with the MLP's; numbers and text cannot.
VLM_SCORED = [
    *STAGES,
    *(["fusion"] if CONFIG["vlm"]["head"] in ("verbaliser", "linear") else []),
]
# MiB of main memory: every GPU's process reads the weights.
VLM_MEMORY = 12000 * (1 + max(1, CONFIG["vlm"]["gpus"]))
SHUFFLED_FEATURES = {
    **STAGE_OPTIONS["features"],
    "features": {**CONFIG["features"], "shuffle_time": True},
}
