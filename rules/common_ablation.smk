# The variants of the ablation, and where their answers lie.
from facewave.ablation.variants import candidates, variant_options, with_grid
from facewave.splits.partition import LEAVE_ONE_SUBJECT_OUT

try:
    WITH_GRID = with_grid(CONFIG)
    VARIANTS = {
        name: variant_options(WITH_GRID, name)
        for name in WITH_GRID["ablation"]["variants"]
    }
    CANDIDATES = candidates(WITH_GRID)
except ConfigError as error:
    raise WorkflowError(f"a variant of the ablation: {error}") from None

ABLATION = DATASET / "ablation"
ABLATION_SEEDS = CONFIG["ablation"]["seeds"]


def variant_features(wildcards):
    """Return the stage options of the features of a rule's variant."""
    return {**VARIANTS[wildcards.variant], "version": FEATURE_VERSION, "mlp": None}


def variant_answers(dataset, *, names=None, inner=False):
    """Return the prediction files of a dataset: by variant, a list a fold of a file a seed.

    Names are variants (None: all); `inner` asks for the answers of the inner folds.
    """
    folder = "inner/" if inner else ""
    return {
        name: [
            [
                str(
                    RESULTS
                    / dataset
                    / f"ablation/{name}/{fold}/{folder}seed-{seed}.parquet"
                )
                for seed in ABLATION_SEEDS
            ]
            for fold in ablation_folds(dataset)
        ]
        for name in names or VARIANTS
    }


def ablation_folds(dataset):
    """Return the outer folds of the ablation of a dataset."""
    return fold_names(LEAVE_ONE_SUBJECT_OUT, PLANS[dataset].subjects)


def flat(answers):
    """Return the files of `variant_answers` in one list."""
    return [file for folds in answers.values() for files in folds for file in files]
