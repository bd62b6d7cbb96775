# The variants of the ablation, and where their answers lie.
from facewave.ablation_variants import variant_options
from facewave.partition import LEAVE_ONE_SUBJECT_OUT

try:
    VARIANTS = {
        name: variant_options(CONFIG, name) for name in CONFIG["ablation"]["variants"]
    }
except ConfigError as error:
    raise WorkflowError(f"a variant of the ablation: {error}") from None

ABLATION = DATASET / "ablation"
ABLATION_SEEDS = CONFIG["ablation"]["seeds"]


def variant_features(wildcards):
    """Return the stage options of the features of a rule's variant."""
    return {**VARIANTS[wildcards.variant], "version": FEATURE_VERSION, "mlp": None}


def variant_answers(dataset):
    """Return the prediction files of a dataset: by variant, a list a fold of a file a seed."""
    return {
        name: [
            [
                str(RESULTS / dataset / f"ablation/{name}/{fold}/seed-{seed}.parquet")
                for seed in ABLATION_SEEDS
            ]
            for fold in fold_names(LEAVE_ONE_SUBJECT_OUT, PLANS[dataset].subjects)
        ]
        for name in VARIANTS
    }
