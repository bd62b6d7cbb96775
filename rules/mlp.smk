# The MLP: trained on every fold's training part.
from facewave.planning.project import seed_files
from facewave.planning.regression import (
    class_options,
    classes_only,
    mlp_options,
    mlp_targets,
    predicts_values,
)
from facewave.versions import MLP_VERSION

# The predictions of each seed; the first one's model is kept.
SEED_FILES = seed_files(CONFIG["seeds"])
# With `mlp.head: regression` the rules of regression.smk take the place of those of classes.
VALUES = predicts_values(CONFIG)
refused = lambda target: told(lambda wildcards: classes_only(CONFIG, target))


rule fit_mlp:
    input:
        train=DATASET / "splits/{split}/train.parquet",
        val=DATASET / "splits/{split}/val.parquet",
        test=DATASET / "splits/{split}/test.parquet",
    output:
        checkpoint=DATASET / "mlp/{split}/checkpoint.pt",
        metrics=DATASET / "mlp/{split}/metrics.csv",
        predictions=[DATASET / "mlp/{split}" / name for name in SEED_FILES],
        linear=DATASET / "mlp/{split}/linear.parquet",
    log:
        DATASET / "logs/fit_mlp/{split}.log",
    benchmark:
        DATASET / "benchmarks/fit_mlp/{split}.tsv"
    conda:
        "../envs/training.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        options=told(lambda wildcards: class_options(CONFIG)),
        seeds=CONFIG["seeds"],
        version=MLP_VERSION,
    message:
        "train the MLP on {wildcards.dataset}, {wildcards.split}"
    script:
        "../scripts/fit_mlp.py"


rule train_mlp:
    """Train the MLP on every fold and score it."""
    input:
        of_datasets("mlp_values/{split}/checkpoint.pt")
        if VALUES
        else of_datasets("mlp/{split}/checkpoint.pt"),
        of_datasets("evaluation/mlp_values/{protocol}/regression.json")
        if VALUES
        else of_datasets("evaluation/mlp/{protocol}/metrics.json"),
