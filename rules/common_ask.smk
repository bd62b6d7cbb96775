# The pretrained models that are asked, not trained: which, and where their answers lie.
from facewave.versions import (
    ANNOTATION_VERSION,
    FINE_TUNING_VERSION,
    ZERO_SHOT_VERSION,
)
from facewave.vlm.ask_plan import (
    TOYS,
    annotation_params,
    fine_tuning_params,
    shown_zero_shot,
    zero_shot_params,
)


def asked_gpus(section, model):
    """Return the GPUs of a job; a toy needs none."""
    return 0 if model["model"] in TOYS else section["gpus"]


def zero_shot_evaluations(dataset):
    """List the scores of all models that are asked about a dataset."""
    return [
        RESULTS / dataset / f"evaluation/zero_shot/{name}" / PROTOCOL / "metrics.json"
        for name in CONFIG["zero_shot"]["enabled"]
    ]


def zero_shot_in_report(dataset):
    """Return what the report of a dataset shows of these: titles to files of scores."""
    return {
        title: str(RESULTS / dataset / "evaluation" / place / PROTOCOL / "metrics.json")
        for title, place in shown_zero_shot(CONFIG["zero_shot"]).items()
    }


def models_in_report(dataset):
    """Return all models beside the MLP that the report of a dataset shows."""
    return {**vlm_in_report(dataset), **zero_shot_in_report(dataset)}


def of_folds_asked(wildcards):
    """List the answers of a model to every fold of a rule's dataset."""
    return of_folds(f"zero_shot/{wildcards.asked}/{{split}}/predictions.parquet")(
        wildcards
    )


def annotation_target(wildcards):
    """Name the checks of the dataset that is described, which come last."""
    dataset = CONFIG["annotate"]["dataset"]
    if dataset is None:
        raise WorkflowError(
            "annotate.dataset: found null, expected the name of the dataset whose clips are to be "
            "described, such as dfew; annotate.examples names the one with captions, such as mafw"
        )
    return RESULTS / dataset / "annotations/checks.json"


def annotation_examples(wildcards):
    """Return the files of the dataset that examples are drawn from; none without examples."""
    dataset = CONFIG["annotate"]["examples"]
    if dataset is None:
        return {}
    return {
        "example_manifest": RESULTS / dataset / "manifest.parquet",
        "example_tracks": [
            RESULTS / dataset / "tracks" / f"{bucket}.tsv"
            for bucket in PLANS[dataset].buckets
        ],
        "near_duplicates": RESULTS / "near_duplicates.tsv",
    }
