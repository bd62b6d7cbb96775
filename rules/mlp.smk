# The MLP: fitted on every fold's training part, scored on the test parts of all folds together.
from facewave.evaluation import EVALUATION_VERSION
from facewave.mlp import MLP_VERSION


rule fit_mlp:
    input:
        train=RESULTS / "{dataset}" / "splits" / "{split}" / "train.parquet",
        val=RESULTS / "{dataset}" / "splits" / "{split}" / "val.parquet",
        test=RESULTS / "{dataset}" / "splits" / "{split}" / "test.parquet",
    output:
        checkpoint=RESULTS / "{dataset}" / "mlp" / "{split}" / "checkpoint.pt",
        metrics=RESULTS / "{dataset}" / "mlp" / "{split}" / "metrics.csv",
        predictions=RESULTS / "{dataset}" / "mlp" / "{split}" / "predictions.parquet",
    log:
        RESULTS / "{dataset}" / "logs" / "fit_mlp" / "{split}.log",
    threads: 1
    resources:
        mem_mb=4000,
    params:
        options=CONFIG["mlp"],
        seed=CONFIG["seed"],
        version=MLP_VERSION,
    message:
        "train the MLP on {wildcards.dataset}, {wildcards.split}"
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/fit_mlp.py"


def of_folds(pattern):
    """Return a function that expands {split} of a path over the folds of a rule's dataset."""
    return lambda wildcards: [
        f"{RESULTS}/{wildcards.dataset}/" + pattern.format(split=split)
        for split in split_folders(wildcards.dataset)
    ]


rule evaluate:
    input:
        predictions=of_folds("mlp/{split}/predictions.parquet"),
        train=of_folds("splits/{split}/train.parquet"),
    output:
        metrics=RESULTS / "{dataset}" / "evaluation" / "mlp" / "{protocol}" / "metrics.json",
        confusion=report(
            RESULTS / "{dataset}" / "evaluation" / "mlp" / "{protocol}" / "confusion.png",
            caption="../docs/captions/confusion.rst",
            category="Evaluation",
            labels={"dataset": "{dataset}", "model": "MLP", "protocol": "{protocol}"},
        ),
    log:
        RESULTS / "{dataset}" / "logs" / "evaluate" / "{protocol}.log",
    params:
        title=lambda wildcards: f"MLP on {wildcards.dataset}, {wildcards.protocol}",
        folds=lambda wildcards: FOLDS[wildcards.dataset] or [PROTOCOL],
        version=EVALUATION_VERSION,
    message:
        "evaluate the MLP on {wildcards.dataset}"
    conda:
        "../envs/training.yaml"
    script:
        "../scripts/evaluate.py"


rule train_mlp:
    input:
        of_datasets("{dataset}/mlp/{split}/checkpoint.pt"),
        [f"{RESULTS}/{dataset}/evaluation/mlp/{PROTOCOL}/metrics.json" for dataset in DATASETS],
