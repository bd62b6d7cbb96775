# The pretrained models that are asked, not trained: which, and where their answers lie.
from facewave.storage.answer_index import answer_index
from facewave.versions import ANNOTATION_VERSION, FINE_TUNING_VERSION, ZERO_SHOT_VERSION
from facewave.vlm.plan import (
    TOYS,
    annotation_params,
    fine_tuning_params,
    shown_fine_tuned,
    shown_zero_shot,
    untrained_params,
    zero_shot_params,
)
from facewave.vlm.plan import untrained

# The models of `vlm` before they are trained, beside those of `zero_shot`.
UNTRAINED = {untrained(vlm): section for vlm, section in VLM_SECTIONS.items()}


def asked_gpus(section, model):
    """Return the GPUs of a job; a toy needs none."""
    return 0 if model["model"] in TOYS else section["gpus"]


def asked_options(wildcards):
    """Return what decides the answers of a model that is asked."""
    section = UNTRAINED.get(wildcards.asked)
    if section is None:
        return zero_shot_params(CONFIG["zero_shot"], wildcards.asked)
    if section["head"] == "regression":
        raise WorkflowError(
            "zero_shot_paligemma: a model says no numbers before it is trained; choose another "
            "vlm.head, or ask for train_paligemma"
        )
    return untrained_params(
        section, max_new_tokens=CONFIG["zero_shot"]["max_new_tokens"]
    )


def asked_model_gpus(wildcards):
    """Return the GPUs of a job that asks a model, one at most."""
    section = UNTRAINED.get(wildcards.asked)
    if section is not None:
        return min(1, asked_gpus(section, section))
    return asked_gpus(
        CONFIG["zero_shot"], CONFIG["zero_shot"]["models"][wildcards.asked]
    )


def asked_threads(wildcards):
    """Return the CPU threads of a job that asks a model."""
    return UNTRAINED.get(wildcards.asked, CONFIG["zero_shot"])["threads"]


def zero_shot_evaluations(dataset):
    """List the scores of all models that are asked about a dataset."""
    return [
        RESULTS / dataset / f"evaluation/zero_shot/{name}" / PROTOCOL / "metrics.json"
        for name in CONFIG["zero_shot"]["enabled"]
    ]


def models_in_report(dataset):
    """Return all models beside the MLP that the report of a dataset shows: titles to scores."""
    places = {**shown_zero_shot(CONFIG["zero_shot"]), **shown_fine_tuned(CONFIG)}
    asked = {
        title: str(RESULTS / dataset / "evaluation" / place / PROTOCOL / "metrics.json")
        for title, place in places.items()
    }
    return {**vlm_in_report(dataset), **asked}


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
